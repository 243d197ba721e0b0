import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptsExpected, configuredVotes, countVotes, qdeviceVotes, votesNeeded } from '../../lab/cluster/quorum.ts';
import { smallSite } from '../../lab/site.ts';
import { runCommand, stillCluster } from './lab-support.ts';

function voters(count: number, online: number, expected: number) {
  return Array.from({ length: count }, (_, index) => ({
    name: `n${index}`,
    votes: 1,
    online: index < online,
    expected,
  }));
}

describe('quorum arithmetic', () => {
  it.each([
    { nodes: 2, qdevice: false, online: 1, quorate: false },
    { nodes: 2, qdevice: true, online: 1, quorate: true },
    { nodes: 3, qdevice: false, online: 2, quorate: true },
    { nodes: 3, qdevice: false, online: 1, quorate: false },
    { nodes: 4, qdevice: false, online: 2, quorate: false },
    { nodes: 4, qdevice: true, online: 2, quorate: true },
    { nodes: 1, qdevice: false, online: 1, quorate: true },
  ])('$online of $nodes nodes (QDevice $qdevice) are quorate: $quorate', ({ nodes, qdevice, online, quorate }) => {
    const expected = configuredVotes(voters(nodes, nodes, 0), qdevice);
    expect(countVotes(voters(nodes, online, expected), qdevice).quorate).toBe(quorate);
  });

  it('gives a QDevice one vote beside an even number and all but one beside an odd number', () => {
    expect([2, 3, 4, 5].map(qdeviceVotes)).toEqual([1, 2, 1, 4]);
  });

  it('never lets two halves of one cluster be quorate at the same time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 9 }), fc.nat(), (votes, cut) => {
        const expected = votes.reduce((sum, vote) => sum + vote, 0);
        const inFirst = (index: number) => ((cut >> index) & 1) === 1;
        const half = (first: boolean) =>
          countVotes(
            votes.map((vote, index) => ({
              name: `n${index}`,
              votes: vote,
              online: inFirst(index) === first,
              expected,
            })),
            false,
          ).quorate;
        expect(half(true) && half(false)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it('takes a lowered expectation only between half of the present votes and all of them', () => {
    expect(acceptsExpected(1, 1)).toBe(true);
    expect(acceptsExpected(3, 1)).toBe(false);
    expect(acceptsExpected(1, 3)).toBe(false);
    expect(votesNeeded(2)).toBe(2);
  });
});

describe('pvecm', () => {
  it('reports a lost quorum the way corosync-quorumtool does, and fails', async () => {
    const { cluster } = await stillCluster(smallSite());
    expect((await runCommand(cluster, 'pve1', 'pvecm', 'status')).out).toMatch(/^Quorate: {10}Yes$/m);
    cluster.node('pve2').machine.powerCut('test');
    const { code, out } = await runCommand(cluster, 'pve1', 'pvecm', 'status');
    expect(code).not.toBe(0);
    expect(out).toMatch(/^Quorate: {10}No$/m);
    expect(out).toMatch(/^Quorum: {11}2 Activity blocked$/m);
    expect(out).toMatch(/^0x00000001 {10}1 192\.168\.10\.230 \(local\)$/m);
  });

  it('makes a survivor quorate by expected 1 until the other node joins again', async () => {
    const { cluster, clock } = await stillCluster(smallSite());
    cluster.node('pve2').machine.powerCut('test');
    expect(cluster.quorate).toBe(false);
    expect((await runCommand(cluster, 'pve1', 'pvecm', 'expected', '1')).code).toBe(0);
    expect(cluster.quorate).toBe(true);
    cluster.node('pve2').machine.powerOn();
    await clock.advance(120_000);
    expect(cluster.votes).toMatchObject({ expected: 2, total: 2, quorate: true });
  });

  it('forgets a lowered expectation with the return of a member, and quorum is lost when that leaves again', async () => {
    const { cluster, clock } = await stillCluster(smallSite());
    const { machine } = cluster.node('pve2');
    machine.powerCut('test');
    await runCommand(cluster, 'pve1', 'pvecm', 'expected', '1');
    machine.powerOn();
    await clock.advance(120_000);
    machine.powerCut('test');
    expect(cluster.votes).toMatchObject({ expected: 2, total: 1, quorate: false });
  });

  it('shows the QDevice as a voter', async () => {
    const { cluster } = await stillCluster(smallSite({ qdevice: true }));
    const { out } = await runCommand(cluster, 'pve1', 'pvecm', 'status');
    expect(out).toMatch(/^Flags: {12}Quorate Qdevice/m);
    expect(out).toMatch(/^0x00000000 {10}1 {12}Qdevice$/m);
  });
});
