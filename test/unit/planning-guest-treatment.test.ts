import { describe, expect, it } from 'vitest';
import type { GuestPolicy } from '../../domain/policy.ts';
import { findStrangers, treatmentOf } from '../../planning/guest-treatment.ts';
import { inStartupOrder } from '../../planning/startup-order.ts';
import { aCluster, aPolicy, aVm, outdated, planWell, theSettings } from '../helpers/builders.ts';

function treat(guest: Parameters<typeof aVm>[1], guests: Partial<GuestPolicy>) {
  return treatmentOf(aVm(100, guest), aPolicy({ guests }));
}

describe('the treatment of a guest', () => {
  const gpu = { tags: ['gpu'], treatment: 'shutdown' } as const;

  it('is the default where nothing else speaks of it', () => {
    expect(treat({}, { rules: [gpu] })).toBe('migrate');
    expect(treat({}, { default: 'leave', rules: [gpu] })).toBe('leave');
  });

  it('is that of the first rule with one of its tags or its vmid', () => {
    const rules = [gpu, { tags: ['docker', 'gpu'], treatment: 'leave' } as const];
    expect(treat({ tags: ['docker', 'gpu'] }, { rules })).toBe('shutdown');
    expect(treat({ tags: ['docker'] }, { rules })).toBe('leave');
    expect(treat({}, { rules: [{ vmids: [99, 100], treatment: 'refuse' }] })).toBe('refuse');
  });

  it('follows a rule with tags and vmids only when both match', () => {
    const rules = [{ tags: ['gpu'], vmids: [100], treatment: 'leave' } as const];
    expect(treat({ tags: ['gpu'] }, { rules })).toBe('leave');
    expect(treat({ tags: ['docker'] }, { rules })).toBe('migrate');
    expect(treatmentOf(aVm(101, { tags: ['gpu'] }), aPolicy({ guests: { rules } }))).toBe('migrate');
  });

  it('is that of its exception by vmid before any rule', () => {
    expect(treat({ tags: ['gpu'] }, { rules: [gpu], overrides: { 100: 'migrate' } })).toBe('migrate');
  });
});

describe('a rule or exception that matches no guest', () => {
  const rules = [
    { tags: ['gpu'], treatment: 'leave' },
    { tags: ['gpuu'], vmids: [300], treatment: 'leave' },
  ] as const;

  it('is a warning of the plan, once', () => {
    const snapshot = aCluster({ guests: [aVm(100, { tags: ['gpu'], running: false })] });
    const settings = theSettings({ policy: { guests: { rules, overrides: { 999: 'leave' } } } });
    const { findings } = planWell(snapshot, [outdated('pve1'), outdated('pve2')], settings);
    expect(findings.map(({ severity, message }) => [severity, message])).toEqual([
      ['warning', 'rollingUpdate.guests.overrides names 999, but the cluster has no such guest'],
      ['warning', 'rollingUpdate.guests.rules[1] (tags gpuu and vmids 300) matches no guest of the cluster'],
    ]);
  });

  it('is none where every rule finds a guest', () => {
    expect(findStrangers([aVm(100, { tags: ['gpu'] })], aPolicy({ guests: { rules: [rules[0]] } }))).toEqual([]);
  });
});

describe('the startup order', () => {
  it('groups guests by their order, those without one last', () => {
    const guests = [null, 2, 1, 2, null].map((startupOrder, index) => ({ vmid: 100 + index, startupOrder }));
    expect(inStartupOrder(guests).map((group) => group.map((guest) => guest.vmid))).toEqual([
      [102],
      [101, 103],
      [100, 104],
    ]);
  });
});
