import { expect, it } from 'vitest';
import { parseConfig } from '../../config/load.ts';
import { nutClientSettingsFor } from '../../config/power-clients.ts';
import type { Config } from '../../config/schema.ts';
import { validateConfig } from '../../config/validate.ts';

const CLUSTER = {
  name: 'homelab',
  api: { token: { env: 'TOKEN' }, caFile: '/ca.pem' },
  ssh: { privateKey: { file: '/key' }, knownHosts: '/known_hosts' },
  nodes: [
    { name: 'pve1', address: '10.0.0.1' },
    { name: 'pve2', address: '10.0.0.2' },
  ],
};
const UPS = { name: 'ups', host: '192.168.10.164' };
const CLIENTS = { user: 'nodes', password: { env: 'NUT_PASSWORD' } };

const check = (power?: unknown) => validateConfig({ cluster: CLUSTER, ...(power === undefined ? {} : { power }) });

function configOf(power?: unknown): Config {
  const checked = check(power);
  if ('config' in checked) return checked.config;
  throw new Error(checked.problems.map(({ field, message }) => `${field} ${message}`).join('\n'));
}

it('a user and a password are enough, and nothing of the settings is a secret', () => {
  const settings = nutClientSettingsFor(configOf({ ups: UPS, clients: CLIENTS }), null);
  expect(settings).toMatchObject({
    cluster: 'homelab',
    nodes: ['pve1', 'pve2'],
    monitor: {
      ...{ ups: 'ups', host: '192.168.10.164', port: 3493, user: 'nodes' },
      ...{ pollInterval: 5, deadTime: 120, hostSync: 15 },
    },
  });
  expect(JSON.stringify(settings)).not.toContain('NUT_PASSWORD');
});

it('the NUT server is told to wait for the slowest guest, the halt and the margin', () => {
  const guests = { timeout: '3 minutes', timeouts: { 210: '10 minutes' } };
  const timeouts = { halt: '2 minutes', margin: '30 seconds' };
  const config = configOf({ ups: UPS, clients: CLIENTS, guests, timeouts });
  expect(nutClientSettingsFor(config, {}).shutdownBudget).toBe(600 + 120 + 30);
});

it('nodes are taken in the order of the configuration, and unknown ones refused by name', () => {
  const config = configOf({ ups: UPS, clients: CLIENTS });
  expect(nutClientSettingsFor(config, { nodes: ['pve2', 'pve1'] }).nodes).toEqual(['pve1', 'pve2']);
  expect(() => nutClientSettingsFor(config, { nodes: ['pve3'] })).toThrow(
    'nodes[0] is pve3, which is not a configured node',
  );
  expect(() => nutClientSettingsFor(config, { nodes: 'pve1' })).toThrow('nodes is not a list of names');
  expect(() => nutClientSettingsFor(config, { nodes: [] })).toThrow('nodes is not a list of names');
  expect(() => nutClientSettingsFor(config, { node: 'pve1' })).toThrow('node is not known here');
});

it('without the sections the input is refused with the page that shows them', () => {
  expect(() => nutClientSettingsFor(configOf(), null)).toThrow('power is missing');
  expect(() => nutClientSettingsFor(configOf({ ups: UPS }), null)).toThrow('docs/how-to/protect-nodes-with-nut.md');
});

it.each([
  [{ pollInterval: '50 seconds' }, undefined, 'power.clients.deadTime is less than three looks'],
  [{ deadTime: '60 seconds' }, undefined, 'power.clients.deadTime is not longer than power.final.blind'],
  [{}, { blind: '3 minutes' }, 'power.clients.deadTime is not longer than power.final.blind'],
  [{ user: 'two words' }, undefined, 'power.clients.user is not the name of a user of upsd.users'],
  [{ password: 'secret' }, undefined, 'power.clients.password is a secret written into the configuration file'],
])('%j with final %j is refused: %s', (clients, final, expected) => {
  const checked = check({ ups: UPS, clients: { ...CLIENTS, ...clients }, ...(final === undefined ? {} : { final }) });
  const problems = 'problems' in checked ? checked.problems.map(({ field, message }) => `${field} ${message}`) : [];
  expect(problems).toEqual([expect.stringContaining(expected)]);
});

it('a password in a file is looked for beside the configuration', () => {
  const text = JSON.stringify({
    cluster: CLUSTER,
    power: { ups: UPS, clients: { ...CLIENTS, password: { file: 'nut-password' } } },
  });
  expect(parseConfig(text, '/etc/caretaker/caretaker.yaml').power?.clients?.password).toEqual({
    file: '/etc/caretaker/nut-password',
  });
});
