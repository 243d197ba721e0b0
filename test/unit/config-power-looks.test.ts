import { expect, it } from 'vitest';
import { validateConfig } from '../../config/validate.ts';

function problemsWith(ups: Record<string, unknown>): readonly string[] {
  const checked = validateConfig({
    cluster: {
      name: 'homelab',
      api: { token: { env: 'TOKEN' }, caFile: '/ca.pem' },
      ssh: { privateKey: { file: '/key' }, knownHosts: '/known_hosts' },
      nodes: [{ name: 'pve1', address: '10.0.0.1' }],
    },
    power: { ups: { name: 'ups', host: '10.0.0.5', ...ups } },
  });
  return 'config' in checked ? [] : checked.problems.map(({ field, message }) => `${field} ${message}`);
}

it('the UPS is looked at every five seconds at least, and is given as long for its answer', () => {
  expect(problemsWith({})).toEqual([]);
  expect(problemsWith({ interval: '5 seconds', timeout: '5 seconds' })).toEqual([]);
  expect(problemsWith({ interval: '6 seconds' })).toEqual(['power.ups.interval is longer than 5 seconds']);
  expect(problemsWith({ timeout: '1 minute' })).toEqual(['power.ups.timeout is longer than 5 seconds']);
});
