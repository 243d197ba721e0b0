import { expect, it } from 'vitest';
import { InputError } from '../../config/errors.ts';
import { fleetSettingsFor, hostSettingsFor, weeklySettingsFor } from '../../config/patch.ts';
import { DEFAULT_PATCH_POLICY } from '../../config/patch-schema.ts';
import type { Config } from '../../config/schema.ts';
import { validateConfig } from '../../config/validate.ts';

const hosts = [
  { name: 'pihole-1', address: '10.0.0.192', vmid: 192, kind: 'lxc', groups: ['lxc'] },
  { name: 'pihole-2', address: '10.0.0.193', vmid: 193, kind: 'lxc', groups: ['lxc'] },
  { name: 'web', address: '10.0.0.213', vmid: 213, kind: 'vm', groups: ['docker-vms'] },
];

function check(parts: Record<string, unknown>) {
  const checked = validateConfig({
    cluster: {
      name: 'homelab',
      api: { token: { env: 'TOKEN' }, caFile: '/ca.pem' },
      ssh: { privateKey: { file: '/key' }, knownHosts: '/known_hosts' },
      nodes: [{ name: 'pve1', address: '10.0.0.1' }],
    },
    hosts,
    ...parts,
  });
  return 'config' in checked ? checked.config : checked.problems.map(({ field, message }) => `${field} ${message}`);
}

function configOf(parts: Record<string, unknown>): Config {
  const config = check(parts);
  if (Array.isArray(config)) throw new Error(config.join('\n'));
  return config;
}

function refusalOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error('It was not refused.');
}

it('a host is patched by the defaults unless something is said', () => {
  const { policy, exempt, host } = hostSettingsFor(configOf({}), { host: 'web' });
  expect(policy).toEqual(DEFAULT_PATCH_POLICY);
  expect(exempt).toBeNull();
  expect(host).toEqual({ name: 'web', vmid: 213, kind: 'qemu' });
});

it('what a host has of its own goes before what all have, and the input before both', () => {
  const config = configOf({
    patching: { autoReboot: false, timeouts: { upgrade: '3 hours', reboot: '4 minutes' } },
    hosts: [{ ...hosts[0], patching: { autoReboot: true, timeouts: { reboot: '9 minutes' } } }, ...hosts.slice(1)],
  });
  const own = hostSettingsFor(config, { host: 'pihole-1' }).policy;
  expect(own.autoReboot).toBe(true);
  expect(own.timeouts).toMatchObject({ upgrade: '3 hours', reboot: '9 minutes' });
  expect(hostSettingsFor(config, { host: 'pihole-2' }).policy.autoReboot).toBe(false);
  const input = { host: 'pihole-1', policy: { autoReboot: false, timeouts: { reboot: '1 minute' } } };
  expect(hostSettingsFor(config, input).policy).toMatchObject({ autoReboot: false, timeouts: { reboot: '1 minute' } });
});

it("probes of a host are added to those of all, and ask the host's own address unless they name one", () => {
  const config = configOf({
    patching: { probes: [{ name: 'units', kind: 'systemd' }] },
    hosts: [
      { ...hosts[0], patching: { probes: [{ name: 'dns', kind: 'dns', query: 'example.org' }] } },
      ...hosts.slice(1),
    ],
  });
  expect(hostSettingsFor(config, { host: 'pihole-1' }).policy.probes).toEqual([
    { name: 'units', kind: 'systemd', timeout: '10 seconds' },
    { name: 'dns', kind: 'dns', query: 'example.org', host: '10.0.0.192', timeout: '10 seconds' },
  ]);
});

it('a probe of all hosts asks each host itself, and no service that would have all of them judged', () => {
  const probes = [
    { name: 'ssh', kind: 'tcp', port: 22 },
    { name: 'web', kind: 'http', url: 'http://10.0.0.9' },
    { name: 'dns', kind: 'dns', query: 'example.org', host: '10.0.0.9' },
  ];
  expect(check({ patching: { probes } })).toEqual([
    'patching.probes[1].url would have all hosts judged by one service',
    'patching.probes[2].host would have all hosts judged by one service',
  ]);
});

it('probes of a host and of all hosts have different names', () => {
  const probes = [{ name: 'units', kind: 'systemd' }];
  expect(check({ patching: { probes }, hosts: [{ ...hosts[0], patching: { probes } }] })).toEqual([
    'hosts[0].patching.probes[0].name is that of a probe of all hosts too',
  ]);
});

it('the input of a run names no probes, for one kind of them runs commands', () => {
  const probes = [{ name: 'mine', kind: 'command', command: 'reboot' }];
  expect(refusalOf(() => hostSettingsFor(configOf({}), { host: 'web', policy: { probes } }))).toContain('probes');
});

it('probes that need a shell are for hosts alone', () => {
  expect(check({ rollingUpdate: { probes: [{ name: 'units', kind: 'systemd' }] } })).toEqual([
    'rollingUpdate.probes[0].kind is one for hosts',
  ]);
});

it('the partners of a host are those with which it is never in hand, without the exempt ones', () => {
  const patching = { neverTogether: [['pihole-1', 'pihole-2', 'web']] };
  const config = configOf({ patching, hosts: [...hosts.slice(0, 2), { ...hosts[2], exempt: 'by hand' }] });
  expect(hostSettingsFor(config, { host: 'pihole-1' }).partners).toEqual(['pihole-2']);
  expect(hostSettingsFor(config, { host: 'web' })).toMatchObject({ exempt: 'by hand' });
});

it('a group takes its hosts in the order of the inventory, and one host is a group of its own', () => {
  const config = configOf({ patching: { groups: [{ name: 'lxc', serial: '50%', maxFailures: 1 }] } });
  expect(fleetSettingsFor(config, { name: 'lxc' })).toMatchObject({
    hosts: ['pihole-1', 'pihole-2'],
    policy: { serial: '50%', continueOnError: true, maxFailures: 1 },
    dryRun: false,
  });
  expect(fleetSettingsFor(config, { name: 'web', policy: { dryRun: true } })).toMatchObject({
    hosts: ['web'],
    policy: { serial: 2 },
    dryRun: true,
  });
});

it('names that nobody has are refused with the nearest one', () => {
  const config = configOf({ patching: { weekly: ['lxc'] } });
  expect(refusalOf(() => hostSettingsFor(config, { host: 'pihole1' }))).toContain('Did you mean pihole-1?');
  expect(refusalOf(() => fleetSettingsFor(config, { name: 'docker-vm' }))).toContain('Did you mean docker-vms?');
  expect(refusalOf(() => fleetSettingsFor(config, {}))).toContain('name is missing');
  expect(refusalOf(() => hostSettingsFor(config, { host: 'web', policy: { autoreboot: true } }))).toContain(
    'autoReboot',
  );
});

it('weekly updates need groups, and those of the inventory', () => {
  expect(refusalOf(() => weeklySettingsFor(configOf({}), {}))).toContain('patching.weekly');
  expect(weeklySettingsFor(configOf({ patching: { weekly: ['lxc', 'docker-vms'] } }), {}).groups).toEqual([
    'lxc',
    'docker-vms',
  ]);
  expect(
    check({ patching: { weekly: ['vms'], groups: [{ name: 'dockers' }], neverTogether: [['lxc', 'web']] } }),
  ).toEqual([
    'patching.groups[0].name is dockers, and no host is in it',
    'patching.weekly[0] is vms, and no host is in it',
    'patching.neverTogether[0][0] is lxc, which is no host of the configuration',
  ]);
});

it.each(['0', '0%', '101%', 1.5, 0, 'two'])('a serial of %s is refused', (serial) => {
  expect(check({ patching: { groups: [{ name: 'lxc', serial }] } })).toEqual([
    'patching.groups[0].serial is neither a number of hosts nor a share of them',
  ]);
});

it('windows need a time zone', () => {
  const windows = [{ days: ['sunday'], from: '03:00', to: '06:00' }];
  expect(check({ patching: { windows } })).toEqual([
    'patching.timeZone is missing, so nobody knows whose clock the windows go by',
  ]);
});
