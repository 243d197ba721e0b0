import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { undoKey, type Undo } from '../../domain/undo.ts';
import { joinLeftovers, pauseBeforeTry, reasonsNotToArm, whyHeld, type Leftover } from '../../planning/leftover.ts';
import { aCluster, aLeftover, aMove, aNode, guestAway, openUndo } from '../helpers/builders.ts';

const anUndo: fc.Arbitrary<Undo> = fc.oneof(
  fc.integer({ min: 100, max: 105 }).map(guestAway),
  fc.constantFrom<Undo>(
    { kind: 'maintenance', node: 'pve1' },
    { kind: 'ha-armed' },
    { kind: 'backup-job', id: 'nightly' },
  ),
);
const aLeft: fc.Arbitrary<Leftover> = fc
  .record({
    open: fc.uniqueArray(anUndo, { selector: undoKey }),
    upgradeJob: fc.constantFrom(null, 'a', 'b'),
    boot: fc.constantFrom(null, 'x', 'y'),
  })
  .map(({ open, upgradeJob, boot }) =>
    aLeftover({
      open: open.map(openUndo),
      moves: open.flatMap((undo) => ('vmid' in undo ? aMove(undo.vmid) : [])),
      upgradeJob,
      expected: { ...aLeftover().expected, bootIdBefore: boot },
    }),
  );

describe('what two runs have left on one node', () => {
  it('is joined without losing an entry, a guest or a doubt of either', () => {
    fc.assert(
      fc.property(aLeft, aLeft, (older, newer) => {
        const joined = joinLeftovers(older, newer);
        const keys = (left: Leftover) => left.open.map(({ undo }) => undoKey(undo));
        expect(new Set(keys(joined))).toEqual(new Set([...keys(older), ...keys(newer)]));
        expect(keys(joined)).toHaveLength(new Set(keys(joined)).size);
        for (const { vmid } of [...older.moves, ...newer.moves])
          expect(joined.moves.some((each) => each.vmid === vmid)).toBe(true);
        expect(joined.upgradeJob === null).toBe(older.upgradeJob === null && newer.upgradeJob === null);
        expect(joined.expected.bootIdBefore).toBe(newer.expected.bootIdBefore ?? older.expected.bootIdBefore);
      }),
    );
  });
});

describe('what stands in the way of undoing', () => {
  const backup: Undo = { kind: 'backup-job', id: 'nightly' };

  it('is a node that is not well, but not for a backup job', () => {
    const hindrances = { sick: ['is offline'], unarmed: [], quorate: true };
    expect(whyHeld(guestAway(100), 'pve1', hindrances)).toBe('pve1 is not well: is offline');
    expect(whyHeld(backup, 'pve1', hindrances)).toBeNull();
  });

  it('is a cluster without quorum, for a backup job: its configuration cannot be written', () => {
    const hindrances = { sick: [], unarmed: [], quorate: false };
    expect(whyHeld(backup, 'pve1', hindrances)).toBe('the cluster is not quorate');
  });

  it('is HA that must not be armed, for what the HA manager has to hear', () => {
    const hindrances = { sick: [], unarmed: ['pve2 is offline'], quorate: true };
    expect(whyHeld({ kind: 'ha-armed' }, 'pve1', hindrances)).toBe('pve2 is offline');
    expect(whyHeld({ kind: 'maintenance', node: 'pve1' }, 'pve1', hindrances)).toBe('pve2 is offline');
    expect(whyHeld(guestAway(100), 'pve1', hindrances)).toBeNull();
  });

  it('keeps HA from being armed before every node is back and the cluster is quorate', () => {
    const away = aCluster({ nodes: [aNode('pve1'), aNode('pve2', { online: false })], quorate: false });
    expect(reasonsNotToArm(away)).toEqual([
      'pve2 is offline, and HA is armed only when every node is back',
      'the cluster is not quorate',
    ]);
    expect(reasonsNotToArm(aCluster())).toEqual([]);
  });

  it.each(['armed', 'standby'] as const)('is nothing where a person has armed HA meanwhile (%s)', (armed) => {
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3', { online: false })];
    expect(reasonsNotToArm(aCluster({ nodes, ha: { armed } }))).toEqual([]);
    expect(reasonsNotToArm(aCluster({ nodes, ha: { armed: 'disarming' } }))).toHaveLength(1);
    // The last word of an HA manager that can write nothing any more.
    expect(reasonsNotToArm(aCluster({ nodes, ha: { armed }, quorate: false }))).toHaveLength(2);
  });
});

describe('the pause before a try', () => {
  it('grows and never exceeds half an hour', () => {
    const pauses = Array.from({ length: 200 }, (_, tries) => pauseBeforeTry(tries));
    expect(pauses[0]).toBe(2 * 60_000);
    expect(pauses.every((pause, index) => index === 0 || pause >= (pauses[index - 1] ?? 0))).toBe(true);
    expect(Math.max(...pauses)).toBe(30 * 60_000);
  });
});
