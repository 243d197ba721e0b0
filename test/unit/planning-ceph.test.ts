import { describe, expect, it } from 'vitest';
import type { CephState } from '../../domain/ceph.ts';
import { whyCephHolds } from '../../planning/ceph.ts';

function ceph(changes: Partial<CephState> = {}): CephState {
  return { checks: [], placementGroups: { 'active+clean': 128 }, monitors: ['pve1'], nooutHosts: [], ...changes };
}

function check(name: string, muted = false) {
  return { name, message: 'something', muted };
}

const strictly = { flagged: false, ignored: [] };

describe('Ceph', () => {
  it('is well without complaints and with clean placement groups, scrubbed or not', () => {
    const placementGroups = { 'active+clean': 120, 'active+clean+scrubbing+deep': 8, 'active+undersized': 0 };
    expect(whyCephHolds(ceph({ placementGroups }), strictly)).toEqual([]);
  });

  it('holds for what it complains about, however mild its one-word health', () => {
    expect(whyCephHolds(ceph({ checks: [check('SLOW_OPS')] }), strictly)).toEqual(['SLOW_OPS: something']);
  });

  it('does not hold for the flag that we set, but for the same flag before', () => {
    const state = ceph({ checks: [check('OSD_FLAGS')] });
    expect(whyCephHolds(state, { flagged: true, ignored: [] })).toEqual([]);
    expect(whyCephHolds(state, strictly)).toEqual(['OSD_FLAGS: something']);
  });

  it('does not hold for what is muted or what the policy takes for harmless', () => {
    const state = ceph({ checks: [check('RECENT_CRASH'), check('POOL_NO_REDUNDANCY', true)] });
    expect(whyCephHolds(state, { flagged: false, ignored: ['RECENT_CRASH'] })).toEqual([]);
  });

  it('holds while placement groups are anything but active and clean', () => {
    const placementGroups = { 'active+clean': 100, 'active+undersized+degraded': 28 };
    expect(whyCephHolds(ceph({ placementGroups }), strictly)).toEqual([
      '28 placement groups are active+undersized+degraded',
    ]);
  });

  it('holds when it says nothing about them', () => {
    expect(whyCephHolds(ceph({ placementGroups: {} }), strictly)).toHaveLength(1);
  });
});
