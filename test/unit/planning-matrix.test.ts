import { describe, expect, it } from 'vitest';
import type { ClusterSnapshot, Guest, HaState } from '../../domain/cluster.ts';
import type { FindingCode } from '../../domain/finding.ts';
import type { MoveKind, QuorumVerdict } from '../../domain/plan.ts';
import { blockersIn, findingsOf } from '../../planning/findings.ts';
import { aCluster, aContainer, aNode, aVm, GIB, outdated, planWell, theSettings } from '../helpers/builders.ts';

/**
 * What shall become of pve1 in every homelab that there is, by rules that stand here and not in the code:
 * - Quorum is more than half of all expected votes. Each node has one; the QDevice has one in an even cluster and, as
 *   `pvecm qdevice setup` sees to it, one less than there are nodes in an odd one.
 * - Two nodes without QDevice cannot keep quorum. Their guests run on, and nothing can be changed meanwhile.
 * - Where HA has something to do, a node without quorum is reset by its watchdog a minute later: that must never happen.
 *   A pair whose HA is set up and idle holds no watchdog.
 * - A guest is moved while it runs, a container by a restart, a guest under HA by the HA manager, and only to where its
 *   disks are. What a device, a directory or a disk of its node holds does not move at all.
 */
const SIZES = [2, 3, 5] as const;
const QDEVICES = ['with QDevice', 'without QDevice'] as const;
const HA = ['active', 'idle', 'none'] as const;
const GUESTS = ['replicated ZFS', 'shared storage', 'local disks only', 'passthrough', 'bind mount'] as const;

type Size = (typeof SIZES)[number];
type Ha = (typeof HA)[number];
type GuestKind = (typeof GUESTS)[number];

/** Votes that stay without pve1, and those that are needed. */
const VOTES: Readonly<Record<(typeof QDEVICES)[number], Readonly<Record<Size, readonly [number, number]>>>> = {
  'without QDevice': { 2: [1, 2], 3: [2, 2], 5: [4, 3] },
  'with QDevice': { 2: [2, 2], 3: [4, 3], 5: [8, 5] },
};

/** The only clusters of the matrix that lose quorum. */
const PAIR_ALONE: Readonly<Record<Ha, QuorumVerdict>> = {
  active: 'would-fence',
  idle: 'read-only-while-away',
  none: 'read-only-while-away',
};

/** How each guest leaves, and the nodes that may take it; null: it cannot. */
const WAYS: Readonly<Record<GuestKind, { readonly how: MoveKind; readonly to: 'pve2' | 'anywhere' } | null>> = {
  'replicated ZFS': { how: 'live', to: 'pve2' },
  'shared storage': { how: 'live', to: 'anywhere' },
  'local disks only': null,
  passthrough: null,
  'bind mount': null,
};

const cells = SIZES.flatMap((size) =>
  QDEVICES.flatMap((qdevice) =>
    HA.flatMap((ha) =>
      GUESTS.map((guest) => ({ size, qdevice, ha, guest, ...expectationOf(size, qdevice, ha, guest) })),
    ),
  ),
);

function expectationOf(size: Size, qdevice: (typeof QDEVICES)[number], ha: Ha, guest: GuestKind) {
  const verdict = size === 2 && qdevice === 'without QDevice' ? PAIR_ALONE[ha] : 'keeps-quorum';
  const refusals: FindingCode[] = [
    ...(WAYS[guest] === null ? (['guest-cannot-move'] as const) : []),
    ...(verdict === 'would-fence' ? (['would-fence'] as const) : []),
  ];
  return { verdict, refusals, outcome: refusals.length === 0 ? 'goes' : `refused: ${refusals.join(', ')}` };
}

describe('a node', () => {
  it('is looked at in all ninety clusters', () => {
    expect(cells).toHaveLength(90);
    expect(cells.filter(({ refusals }) => refusals.length === 0)).toHaveLength(34);
  });

  it.each(cells)(
    'of $size $qdevice, HA $ha, with a guest of $guest: $outcome, $verdict',
    ({ size, qdevice, ha, guest, verdict, refusals }) => {
      const snapshot = clusterOf(size, qdevice, ha, guest);
      const plan = planWell(snapshot, [outdated('pve1')], theSettings({ nodes: ['pve1'] }));
      const node = plan.nodes[0]!;

      const [votesLeft, votesNeeded] = VOTES[qdevice][size];
      expect(node.quorum).toMatchObject({ verdict, votesLeft, votesNeeded });
      const blockers = blockersIn(findingsOf(plan));
      expect(blockers.map(({ code }) => code).sort()).toEqual(refusals);
      for (const { remedy } of blockers) expect(remedy).not.toBe('');

      expect(node.maintenance).toBe(ha === 'active');
      const way = WAYS[guest];
      if (way === null) {
        expect(node.moves).toEqual([]);
        return;
      }
      expect(node.moves).toMatchObject([{ vmid: 100, how: ha === 'active' ? 'ha' : way.how }]);
      const others = snapshot.nodes.map(({ name }) => name).filter((name) => name !== 'pve1');
      expect(way.to === 'anywhere' ? others : [way.to]).toContain(node.moves[0]!.target);
    },
  );
});

describe('a guest that something holds in its place', () => {
  it.each(['passthrough', 'bind mount', 'local disks only'] as const)(
    'is not told to be shut down where HA would move it all the same: %s',
    (kind) => {
      const snapshot = clusterOf(3, 'without QDevice', 'active', kind);
      const settings = theSettings({ nodes: ['pve1'] });
      const [held] = blockersIn(findingsOf(planWell(snapshot, [outdated('pve1')], settings)));
      expect(held).toMatchObject({ code: 'guest-cannot-move', remedy: expect.stringContaining('out of HA') as string });
    },
  );
});

function clusterOf(size: Size, qdevice: (typeof QDEVICES)[number], ha: Ha, kind: GuestKind): ClusterSnapshot {
  const names = Array.from({ length: size }, (_, index) => `pve${index + 1}`);
  return aCluster({
    // The node with the disks has least room, so that nobody picks it for another reason.
    nodes: names.map((name) =>
      aNode(name, {
        memory: (name === 'pve2' ? 16 : 64) * GIB,
        lrm: ha === 'active' && name === 'pve1' ? 'active' : 'idle',
      }),
    ),
    qdevice: qdevice === 'with QDevice' ? { votes: size % 2 === 0 ? 1 : size - 1, connected: true } : null,
    ha: HA_STATES[ha],
    guests: [
      {
        ...guestOf(kind),
        ha: ha === 'active' ? { sid: kind === 'bind mount' ? 'ct:100' : 'vm:100', state: 'started' } : null,
      },
      ...(ha === 'idle' ? [aVm(900, { running: false, ha: { sid: 'vm:900', state: 'stopped' } })] : []),
    ],
  });
}

const HA_STATES: Readonly<Record<Ha, Partial<HaState>>> = {
  active: { master: 'pve1', masterActive: true, startedServices: 1, armed: 'armed' },
  idle: { master: 'pve1', masterActive: false, startedServices: 0, armed: 'standby' },
  none: {},
};

function guestOf(kind: GuestKind): Guest {
  switch (kind) {
    case 'replicated ZFS':
      return aVm(100, { hasLocalDisks: true, replicatedTo: ['pve2'] });
    case 'shared storage':
      return aVm(100);
    case 'local disks only':
      return aVm(100, { hasLocalDisks: true });
    case 'passthrough':
      return aVm(100, { obstacles: [{ code: 'passthrough', detail: 'hostpci0' }] });
    case 'bind mount':
      return aContainer(100, { obstacles: [{ code: 'bind-mount', detail: 'mp0 /srv/media' }] });
  }
}
