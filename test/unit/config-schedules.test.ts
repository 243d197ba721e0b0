import { describe, expect, it } from 'vitest';
import { validateConfig } from '../../config/validate.ts';

const cluster = {
  name: 'homelab',
  api: { token: { env: 'T' }, caFile: 'ca.pem' },
  ssh: { privateKey: { env: 'K' }, knownHosts: 'known_hosts' },
  nodes: [{ name: 'pve1', address: '10.0.0.1' }],
};

function problemsOf(config: object): string[] {
  const checked = validateConfig({ cluster, ...config });
  return 'problems' in checked ? checked.problems.map(({ field, message }) => `${field} ${message}`) : [];
}

describe('the section of schedules', () => {
  it('wants a time zone', () => {
    expect(problemsOf({ schedules: { nodePlan: {} } })).toEqual(['schedules.timeZone is missing']);
  });

  it('refuses a time that is none, and cron', () => {
    for (const at of ['0 3 * * 0', 'sunday', 'last sunday 03:00'])
      expect(problemsOf({ schedules: { timeZone: 'UTC', nodePlan: { at } } })).toEqual([
        'schedules.nodePlan.at is not a time that comes again and again',
      ]);
  });

  it('refuses weekly updates of no group', () => {
    const schedules = { timeZone: 'UTC', weeklyUpdates: {} };
    expect(problemsOf({ schedules })).toEqual([
      'schedules.weeklyUpdates has nothing to patch, for patching.weekly names no group',
    ]);
    const hosts = [{ name: 'pihole-1', address: '10.0.0.9', groups: ['lxc'] }];
    expect(problemsOf({ schedules, hosts, patching: { weekly: ['lxc'] } })).toEqual([]);
  });

  it('refuses an unattended update that waits for a person', () => {
    const schedules = { timeZone: 'UTC', nodeUpdate: {} };
    expect(problemsOf({ schedules, rollingUpdate: { approval: 'plan' } })).toEqual([
      'schedules.nodeUpdate starts with nobody at the keyboard, and rollingUpdate.approval waits for a person',
    ]);
    expect(problemsOf({ schedules })).toEqual([]);
    expect(problemsOf({ schedules: { timeZone: 'UTC', nodePlan: {} }, rollingUpdate: { approval: 'plan' } })).toEqual(
      [],
    );
  });
});
