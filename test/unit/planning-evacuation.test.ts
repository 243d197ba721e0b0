import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterSnapshot, Guest, NodeState, Obstacle } from '../../domain/cluster.ts';
import type { Policy } from '../../domain/policy.ts';
import { planEvacuation, type Evacuation } from '../../planning/evacuation.ts';
import { blockersIn } from '../../planning/findings.ts';
import { treatmentOf } from '../../planning/guest-treatment.ts';
import { aCluster, aNode, aPolicy, aVm, GIB } from '../helpers/builders.ts';

const RUNS = { numRuns: 2_000 };
const LEAVING = 'pve1';

interface Case {
  readonly snapshot: ClusterSnapshot;
  readonly policy: Policy;
}

function anyGuest(vmid: number, names: readonly string[]): fc.Arbitrary<Guest> {
  const node = fc.constantFrom(...names);
  const anyObstacle = fc.record({
    code: fc.constantFrom<Obstacle['code']>('passthrough', 'bind-mount', 'storage-unavailable', 'ha-rule'),
    detail: fc.constant('evidence'),
    target: fc.option(node),
  });
  return fc
    .record({
      kind: fc.constantFrom('qemu' as const, 'lxc' as const),
      node: fc.oneof(fc.constant(LEAVING), node),
      running: fc.constantFrom(true, true, true, false),
      template: fc.constantFrom(false, false, false, false, true),
      maxMemory: fc.integer({ min: 0, max: 24 }).map((gib) => gib * GIB),
      lock: fc.constantFrom(null, null, null, null, null, 'backup', 'migrate'),
      ha: fc.constantFrom(null, null, { sid: `vm:${vmid}`, state: 'started' }, { sid: `vm:${vmid}`, state: 'error' }),
      obstacles: fc.oneof(fc.array(anyObstacle, { maxLength: 0 }), fc.array(anyObstacle, { maxLength: 2 })),
      hasLocalDisks: fc.constantFrom(false, false, true),
      replicatedTo: fc.oneof(fc.constant([]), fc.subarray([...names])),
    })
    .map(({ obstacles, ...rest }) =>
      aVm(vmid, {
        ...rest,
        obstacles: obstacles.map(({ target, ...each }): Obstacle => (target === null ? each : { ...each, target })),
      }),
    );
}

const anyCase: fc.Arbitrary<Case> = fc.integer({ min: 2, max: 6 }).chain((size) => {
  const names = Array.from({ length: size }, (_, index) => `pve${index + 1}`);
  const nodes = fc.tuple(
    ...names.map((name) =>
      fc
        .record({
          online: name === LEAVING ? fc.constant(true) : fc.constantFrom(true, true, true, false),
          maintenance: fc.constantFrom(false, false, false, true),
          memory: fc.integer({ min: 8, max: 128 }).map((gib) => gib * GIB),
        })
        .map((state): NodeState => aNode(name, state)),
    ),
  );
  const guests = fc
    .integer({ min: 0, max: 14 })
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => anyGuest(100 + index, names))));
  const treatment = fc.constantFrom('migrate', 'migrate', 'migrate', 'shutdown', 'leave', 'refuse' as const);
  return fc.record({
    snapshot: fc.record({ nodes, guests }).map((parts) => aCluster(parts)),
    policy: fc
      .record({
        localDisks: fc.constantFrom('replicated', 'always', 'never' as const),
        memoryReservePercent: fc.integer({ min: 0, max: 50 }),
        guests: fc.record({
          default: treatment,
          rules: fc.array(fc.record({ vmids: fc.subarray([100, 101, 102, 103], { minLength: 1 }), treatment }), {
            maxLength: 2,
          }),
          overrides: fc.dictionary(fc.integer({ min: 100, max: 113 }).map(String), treatment, { maxKeys: 4 }),
        }),
      })
      .map((changes) => aPolicy(changes as Partial<Policy>)),
  });
});

function forAnyCluster(check: (any: Case, evacuation: Evacuation) => void): void {
  fc.assert(
    fc.property(anyCase, (any) => {
      check(any, planEvacuation(any.snapshot, LEAVING, any.policy));
    }),
    RUNS,
  );
}

function theGuest({ snapshot }: Case, vmid: number): Guest {
  const found = snapshot.guests.find((guest) => guest.vmid === vmid);
  if (!found) throw new Error(`the plan speaks of guest ${vmid}, which does not exist`);
  return found;
}

function isConcerned(guest: Guest): boolean {
  return guest.node === LEAVING && guest.running && !guest.template;
}

/** Bytes left on a node when every guest there, and every one that is sent there, takes all it may. */
function roomAfter({ snapshot, policy }: Case, evacuation: Evacuation, name: string): number {
  let room = 0;
  for (const node of snapshot.nodes) {
    if (node.name === name) room = node.memory - (node.memory * policy.memoryReservePercent) / 100;
  }
  for (const guest of snapshot.guests) {
    const arrives = evacuation.moves.some((move) => move.vmid === guest.vmid && move.target === name);
    if (arrives || (guest.node === name && guest.running)) room -= guest.maxMemory;
  }
  return room;
}

describe('the evacuation plan, for any cluster', () => {
  it('moves every running guest of the node exactly once or names it in exactly one blocker, and no other guest', () => {
    forAnyCluster((any, { moves, findings }) => {
      const spokenOf = [...moves.map((move) => move.vmid), ...blockersIn(findings).map((each) => each.vmid ?? -1)];
      const concerned = any.snapshot.guests.filter(isConcerned).map((guest) => guest.vmid);
      expect(spokenOf.sort((a, b) => a - b)).toEqual(concerned.sort((a, b) => a - b));
    });
  });

  it('never sends a guest to the leaving node, to one that is offline or to one in maintenance', () => {
    forAnyCluster((any, { moves }) => {
      for (const { target } of moves) {
        if (target === null) continue;
        expect(target).not.toBe(LEAVING);
        expect(any.snapshot.nodes.find((node) => node.name === target)).toMatchObject({
          online: true,
          maintenance: false,
        });
      }
    });
  });

  it('never promises more memory of a node than it has beside its reserve', () => {
    forAnyCluster((any, evacuation) => {
      for (const target of new Set(evacuation.moves.flatMap((move) => move.target ?? []))) {
        expect(roomAfter(any, evacuation, target)).toBeGreaterThanOrEqual(-1);
      }
    });
  });

  it('refuses for lack of memory only what fits on no node that could take it', () => {
    forAnyCluster((any, evacuation) => {
      for (const refusal of evacuation.findings.filter((each) => each.code === 'no-capacity')) {
        const guest = theGuest(any, refusal.vmid ?? -1);
        for (const node of any.snapshot.nodes) {
          const barred =
            node.name === LEAVING ||
            !node.online ||
            node.maintenance ||
            guest.obstacles.some((obstacle) => obstacle.target === node.name) ||
            (guest.hasLocalDisks && guest.replicatedTo.length > 0 && !guest.replicatedTo.includes(node.name));
          if (!barred) expect(roomAfter(any, evacuation, node.name)).toBeLessThan(guest.maxMemory);
        }
      }
    });
  });

  it('never touches a guest that is locked, that the policy refuses or that HA has given up', () => {
    forAnyCluster((any, { moves }) => {
      for (const move of moves) {
        const guest = theGuest(any, move.vmid);
        expect(guest.lock).toBeNull();
        expect(treatmentOf(guest, any.policy)).not.toBe('refuse');
        expect(guest.ha?.state).not.toBe('error');
      }
    });
  });

  it('leaves the moving of HA guests to HA, and nothing else', () => {
    forAnyCluster((any, { moves }) => {
      for (const move of moves) expect(move.how === 'ha').toBe(theGuest(any, move.vmid).ha !== null);
    });
  });

  it('treats every guest as the policy says', () => {
    forAnyCluster((any, { moves }) => {
      for (const move of moves) {
        const guest = theGuest(any, move.vmid);
        const treatment = treatmentOf(guest, any.policy);
        if (treatment !== 'migrate') expect(move).toMatchObject({ how: treatment, target: null });
        else if (guest.ha === null) expect(move.how).toBe(guest.kind === 'qemu' ? 'live' : 'restart');
      }
    });
  });

  it('sends nothing past an obstacle, and replicated disks only where they are replicated', () => {
    forAnyCluster((any, { moves }) => {
      for (const { vmid, target } of moves) {
        if (target === null) continue;
        const guest = theGuest(any, vmid);
        expect(guest.obstacles.filter((obstacle) => (obstacle.target ?? target) === target)).toEqual([]);
        if (!guest.hasLocalDisks) continue;
        if (guest.replicatedTo.length > 0) expect(guest.replicatedTo).toContain(target);
        else expect(any.policy.localDisks).toBe('always');
      }
    });
  });

  it('is the same plan however guests and nodes are listed', () => {
    fc.assert(
      fc.property(
        anyCase.chain((any) =>
          fc.record({
            any: fc.constant(any),
            guests: fc.shuffledSubarray([...any.snapshot.guests], { minLength: any.snapshot.guests.length }),
          }),
        ),
        ({ any: { snapshot, policy }, guests }) => {
          const shuffled = { ...snapshot, guests };
          expect(planEvacuation(shuffled, LEAVING, policy)).toEqual(planEvacuation(snapshot, LEAVING, policy));
          const { moves } = planEvacuation({ ...shuffled, nodes: [...snapshot.nodes].reverse() }, LEAVING, policy);
          expect(moves).toEqual(planEvacuation(snapshot, LEAVING, policy).moves);
        },
      ),
      RUNS,
    );
  });
});
