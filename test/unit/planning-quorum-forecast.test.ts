import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterSnapshot, LrmState, NodeState } from '../../domain/cluster.ts';
import { forecastQuorum } from '../../planning/quorum-forecast.ts';
import { aCluster, aNode } from '../helpers/builders.ts';

const RUNS = { numRuns: 2_000 };

interface Case {
  readonly snapshot: ClusterSnapshot;
  readonly leaving: string;
}

/** Clusters of two to eight nodes with uneven votes, some nodes offline, any QDevice and any state of HA. */
const anyCase: fc.Arbitrary<Case> = fc
  .array(
    fc.record({
      votes: fc.integer({ min: 1, max: 5 }),
      online: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
      lrm: fc.constantFrom<LrmState>('idle', 'idle', 'idle', 'active', 'maintenance', 'unknown'),
    }),
    { minLength: 2, maxLength: 8 },
  )
  .chain((states) => {
    const nodes = states.map((state, index): NodeState => aNode(`pve${index + 1}`, state));
    const names = nodes.map((node) => node.name);
    return fc.record({
      leaving: fc.constantFrom(...names),
      snapshot: fc
        .record({
          qdevice: fc.option(fc.record({ votes: fc.integer({ min: 1, max: 7 }), connected: fc.boolean() })),
          ha: fc.record({
            master: fc.option(fc.constantFrom(...names)),
            masterActive: fc.boolean(),
            startedServices: fc.constantFrom(0, 0, 0, 1, 5),
          }),
        })
        .map((rest) => aCluster({ nodes, ...rest })),
    });
  });

/** Pairs with one vote each are what most homelabs have, and too rare among all clusters. */
const anyPair: fc.Arbitrary<Case> = fc
  .record({
    lrms: fc.tuple(fc.constantFrom<LrmState>('idle', 'active'), fc.constantFrom<LrmState>('idle', 'active')),
    qdevice: fc.option(fc.record({ votes: fc.constant(1), connected: fc.boolean() })),
    masterActive: fc.boolean(),
    master: fc.constantFrom('pve1', 'pve2', null),
    startedServices: fc.constantFrom(0, 0, 2),
  })
  .map(({ lrms: [first, second], qdevice, ...ha }) => ({
    leaving: 'pve1',
    snapshot: aCluster({ nodes: [aNode('pve1', { lrm: first }), aNode('pve2', { lrm: second })], qdevice, ha }),
  }));

const anyCluster = fc.oneof(anyCase, anyPair);

/** What is left, counted the other way round: all votes there are, less those that are or will be missing. */
function countVotes({ snapshot, leaving }: Case): { left: number; enough: boolean; survivors: NodeState[] } {
  let left = snapshot.quorum.expectedVotes;
  for (const node of snapshot.nodes) {
    if (!node.online || node.name === leaving) left -= node.votes;
  }
  if (snapshot.quorum.qdevice?.connected === false) left -= snapshot.quorum.qdevice.votes;
  const survivors = snapshot.nodes.filter((node) => node.name !== leaving && node.online);
  return { left, enough: left * 2 > snapshot.quorum.expectedVotes && survivors.length > 0, survivors };
}

/** Whether the loss of quorum would make a watchdog reset a survivor. */
function isArmed({ snapshot: { ha } }: Case, survivors: readonly NodeState[]): boolean {
  const services = ha.startedServices !== 0;
  const lrm = survivors.filter((node) => node.lrm === 'active').length > 0;
  const crm = ha.masterActive && survivors.map((node) => node.name).includes(ha.master ?? '');
  return services || lrm || crm;
}

describe('the quorum forecast, for any cluster', () => {
  it('says that quorum is kept when, and only when, enough votes stay', () => {
    fc.assert(
      fc.property(anyCluster, (any) => {
        const forecast = forecastQuorum(any.snapshot, any.leaving);
        const { left, enough } = countVotes(any);
        expect(forecast.votesLeft).toBe(left);
        expect(forecast.verdict === 'keeps-quorum').toBe(enough);
      }),
      RUNS,
    );
  });

  it('says that nodes would be fenced when, and only when, quorum is lost and a watchdog is armed', () => {
    fc.assert(
      fc.property(anyCluster, (any) => {
        const { enough, survivors } = countVotes(any);
        const { verdict } = forecastQuorum(any.snapshot, any.leaving);
        expect(verdict === 'would-fence').toBe(!enough && isArmed(any, survivors));
      }),
      RUNS,
    );
  });

  it('allows the loss of quorum to a plain pair alone: two nodes, no QDevice, no HA at work', () => {
    fc.assert(
      fc.property(anyCluster, (any) => {
        const { enough, survivors } = countVotes(any);
        const { nodes, quorum } = any.snapshot;
        const plainPair = nodes.length === 2 && survivors.length === 1 && quorum.qdevice === null;
        const { verdict } = forecastQuorum(any.snapshot, any.leaving);
        expect(verdict === 'read-only-while-away').toBe(!enough && plainPair && !isArmed(any, survivors));
      }),
      RUNS,
    );
  });

  it('does not depend on the order in which the nodes are listed', () => {
    fc.assert(
      fc.property(anyCluster, ({ snapshot, leaving }) => {
        const reversed = { ...snapshot, nodes: [...snapshot.nodes].reverse() };
        expect(forecastQuorum(reversed, leaving).verdict).toBe(forecastQuorum(snapshot, leaving).verdict);
      }),
      RUNS,
    );
  });
});

describe('the quorum forecast', () => {
  const pair = [aNode('pve1'), aNode('pve2')];

  it('lets a plain pair go, and says that its survivor is read-only meanwhile', () => {
    const forecast = forecastQuorum(aCluster(), 'pve1');
    expect(forecast).toMatchObject({ verdict: 'read-only-while-away', votesLeft: 1, votesNeeded: 2 });
    expect(forecast.explanation).toContain('guests on pve2 go on running');
  });

  it('keeps quorum in a pair with a connected QDevice, and not when it is disconnected', () => {
    const qdevice = { votes: 1, connected: true };
    expect(forecastQuorum(aCluster({ qdevice }), 'pve1').verdict).toBe('keeps-quorum');
    const lost = forecastQuorum(aCluster({ qdevice: { ...qdevice, connected: false } }), 'pve1');
    expect(lost.verdict).toBe('loses-quorum');
    expect(lost.explanation).toContain('the QDevice is not connected');
  });

  it('names the HA guests that arm the watchdog of a pair', () => {
    const forecast = forecastQuorum(aCluster({ ha: { startedServices: 2 } }), 'pve1');
    expect(forecast.verdict).toBe('would-fence');
    expect(forecast.explanation).toContain('HA runs 2 guests');
    expect(forecast.explanation).toContain('after 60 seconds');
  });

  it('names the survivor whose HA resource manager is still active after the last service left HA', () => {
    const forecast = forecastQuorum(aCluster({ nodes: [aNode('pve1'), aNode('pve2', { lrm: 'active' })] }), 'pve1');
    expect(forecast.explanation).toContain('the HA resource manager of pve2 is active');
  });

  it('fears the HA manager on the survivor, not the one that leaves with its node', () => {
    const ha = { masterActive: true, startedServices: 0 };
    expect(forecastQuorum(aCluster({ nodes: pair, ha: { ...ha, master: 'pve2' } }), 'pve1').verdict).toBe(
      'would-fence',
    );
    expect(forecastQuorum(aCluster({ nodes: pair, ha: { ...ha, master: 'pve1' } }), 'pve1').verdict).toBe(
      'read-only-while-away',
    );
  });

  it('counts votes and not nodes: the node with two votes of three cannot leave, the other can', () => {
    const nodes = [aNode('pve1', { votes: 2 }), aNode('pve2')];
    expect(forecastQuorum(aCluster({ nodes }), 'pve1').verdict).toBe('read-only-while-away');
    expect(forecastQuorum(aCluster({ nodes }), 'pve2').verdict).toBe('keeps-quorum');
  });
});
