import { DEFAULT_POLICY } from '../../config/policy-schema.ts';
import type {
  ClusterSnapshot,
  Guest,
  HaState,
  NodeHealth,
  NodeKernels,
  NodeSoftware,
  NodeState,
  PackageUpdate,
  QDevice,
} from '../../domain/cluster.ts';
import type { NutMonitor } from '../../domain/nut-client.ts';
import type { ClusterCondition, NodeCondition, ShellCondition } from '../../domain/condition.ts';
import type { MarkFacts } from '../../domain/maintenance-mark.ts';
import type { GuestMove, NodePlan, RollPlan } from '../../domain/plan.ts';
import type { Policy, PolicyOverrides, RollSettings } from '../../domain/policy.ts';
import type { OpenUndo, Undo } from '../../domain/undo.ts';
import { remedyFor, type Leftover } from '../../planning/leftover.ts';
import { planRoll } from '../../planning/plan-roll.ts';
import type { Condition } from '../../planning/preflight/preflight.ts';

export const GIB = 2 ** 30;
export const OLD_KERNEL = '6.14.8-2-pve';
export const NEW_KERNEL = '6.14.11-1-pve';

/** What docs/how-to/create-api-token.md gives the token. */
export const ALL_PRIVILEGES = [
  ...['Sys.Audit', 'Sys.Modify', 'Sys.Console', 'VM.Audit', 'VM.Migrate', 'VM.PowerMgmt'],
  ...['VM.Replicate', 'Datastore.Audit', 'Datastore.AllocateSpace', 'Mapping.Audit', 'Mapping.Use'],
];

export function aNode(name: string, changes: Partial<NodeState> = {}): NodeState {
  return { name, online: true, votes: 1, memory: 64 * GIB, lrm: 'idle', maintenance: false, ...changes };
}

/** A running VM on shared storage that nothing holds in its place. */
export function aVm(vmid: number, changes: Partial<Guest> = {}): Guest {
  return {
    vmid,
    kind: 'qemu',
    name: `vm-${vmid}`,
    node: 'pve1',
    running: true,
    template: false,
    maxMemory: 4 * GIB,
    tags: [],
    startupOrder: null,
    startsAtBoot: false,
    lock: null,
    ha: null,
    obstacles: [],
    hasLocalDisks: false,
    replicatedTo: [],
    ...changes,
  };
}

export function aContainer(vmid: number, changes: Partial<Guest> = {}): Guest {
  return aVm(vmid, { kind: 'lxc', name: `ct-${vmid}`, maxMemory: GIB, ...changes });
}

export function anHaVm(vmid: number, changes: Partial<Guest> = {}): Guest {
  return aVm(vmid, { ha: { sid: `vm:${vmid}`, state: 'started' }, ...changes });
}

export interface ClusterParts {
  readonly nodes?: readonly NodeState[];
  readonly guests?: readonly Guest[];
  readonly qdevice?: QDevice | null;
  readonly ha?: Partial<HaState>;
  readonly quorate?: boolean;
}

/** A cluster whose quorum figures follow from its votes: two nodes without QDevice unless said otherwise. */
export function aCluster(parts: ClusterParts = {}): ClusterSnapshot {
  const nodes = parts.nodes ?? [aNode('pve1'), aNode('pve2')];
  const qdevice = parts.qdevice ?? null;
  const expectedVotes = nodes.reduce((total, node) => total + node.votes, qdevice?.votes ?? 0);
  return {
    cluster: 'homelab',
    takenAt: '2026-11-22T03:00:00.000Z',
    quorum: { quorate: parts.quorate ?? true, expectedVotes, quorum: Math.floor(expectedVotes / 2) + 1, qdevice },
    nodes,
    guests: parts.guests ?? [],
    ha: { master: null, masterActive: false, startedServices: 0, armed: null, rules: [], ...parts.ha },
  };
}

export function aPackage(name = 'pve-manager', changes: Partial<PackageUpdate> = {}): PackageUpdate {
  return { name, from: '9.0.3', to: '9.0.4', ...changes };
}

/** Kernels of a node that runs its only one. */
export function someKernels(changes: Partial<NodeKernels> = {}): NodeKernels {
  return { running: OLD_KERNEL, installed: [OLD_KERNEL], pinned: null, nextBoot: null, canPin: true, ...changes };
}

/** A token that may do everything that a run needs, no task and no backup job. */
export function aClusterCondition(changes: Partial<ClusterCondition> = {}): ClusterCondition {
  return { privileges: { value: { '/': ALL_PRIVILEGES } }, tasks: { value: [] }, backups: { value: [] }, ...changes };
}

/** A node that answers, has room everywhere and nothing else to tell. */
export function aNodeCondition(node: string, changes: Partial<NodeCondition> = {}): NodeCondition {
  return {
    node,
    view: { value: { quorate: true, online: ['pve1', 'pve2'] } },
    shell: { value: aShell() },
    storages: { value: [{ storage: 'local', active: true, total: 100 * GIB, used: 20 * GIB }] },
    replications: { value: [] },
    repositories: { value: { errors: [], warnings: [], enterprise: false, subscription: null } },
    ...changes,
  };
}

export function aShell(changes: Partial<ShellCondition> = {}): ShellCondition {
  return {
    clockAhead: 0,
    held: { value: [] },
    audit: { value: '' },
    busyUnits: { value: [] },
    fileSystems: { value: [{ mount: '/', size: 100 * GIB, available: 60 * GIB }] },
    bootPartitions: { value: [] },
    ...changes,
  };
}

/** Every online node of a snapshot well, and seeing what the snapshot says. */
export function allWell({ nodes, quorum }: ClusterSnapshot): Condition {
  const online = nodes.filter((node) => node.online).map((node) => node.name);
  const view = { value: { quorate: quorum.quorate, online } };
  return { cluster: aClusterCondition(), nodes: online.map((node) => aNodeCondition(node, { view })) };
}

/** The plan of a roll for a cluster that has no other troubles than its snapshot and its packages show. */
export function planWell(
  snapshot: ClusterSnapshot,
  software: readonly NodeSoftware[],
  settings: RollSettings,
): RollPlan {
  return planRoll(snapshot, software, settings, allWell(snapshot));
}

/** A node that is up to date. */
export function theSoftware(node: string, changes: Partial<NodeSoftware> = {}): NodeSoftware {
  return { node, refreshError: null, pending: [], kernels: someKernels(), bootId: `${node}-boot-1`, ...changes };
}

/** A node with one package to upgrade and no new kernel. */
export function outdated(node: string, changes: Partial<NodeSoftware> = {}): NodeSoftware {
  return theSoftware(node, { pending: [aPackage()], ...changes });
}

export function theHealth(node: string, changes: Partial<NodeHealth> = {}): NodeHealth {
  return {
    node,
    onlineForPeers: true,
    peersQuorate: true,
    ownQuorate: true,
    bootId: `${node}-boot-1`,
    runningKernel: OLD_KERNEL,
    activeServices: ['corosync', 'pve-cluster'],
    activeStorages: ['local', 'nfs'],
    lrmFresh: null,
    ...changes,
  };
}

/** The default policy with parts of it changed, merged as the configuration does it. */
export function aPolicy(changes: PolicyOverrides = {}): Policy {
  return {
    ...DEFAULT_POLICY,
    ...changes,
    guests: { ...DEFAULT_POLICY.guests, ...changes.guests },
    // Short, because the time-skipping server skips none after a run with a child run.
    onFailure: { ...DEFAULT_POLICY.onFailure, pause: '10 ms', ...changes.onFailure },
    timeouts: { ...DEFAULT_POLICY.timeouts, ...changes.timeouts },
    expected: { ...DEFAULT_POLICY.expected, ...changes.expected },
  };
}

export function theSettings(
  changes: Partial<Omit<RollSettings, 'policy'>> & { policy?: PolicyOverrides } = {},
): RollSettings {
  return {
    cluster: 'homelab',
    nodes: ['pve1', 'pve2'],
    orchestratorGuest: null,
    ...changes,
    policy: aPolicy(changes.policy),
  };
}

export function aMove(vmid: number, changes: Partial<GuestMove> = {}): GuestMove {
  return {
    vmid,
    kind: 'qemu',
    name: `vm-${vmid}`,
    how: 'live',
    target: 'pve2',
    maxMemory: 4 * GIB,
    withLocalDisks: false,
    startupOrder: null,
    replicated: false,
    ...changes,
  };
}

export function aNodePlan(node: string, changes: Partial<NodePlan> = {}): NodePlan {
  return {
    node,
    action: 'update',
    reason: '1 package to upgrade',
    packages: [aPackage()],
    rebootExpected: false,
    maintenance: false,
    quorum: { verdict: 'keeps-quorum', votesLeft: 2, votesNeeded: 2, explanation: `2 votes stay without ${node}` },
    moves: [],
    findings: [],
    expectedMilliseconds: 0,
    ...changes,
  };
}

/** Guest 100 still on pve2, HA maintenance still on, a backup job still held back: what a run left on pve1. */
export function aLeftover(changes: Partial<Leftover> = {}): Leftover {
  const { timeouts, parallelMigrations, memoryReservePercent } = aPolicy();
  const open: Undo[] = [{ kind: 'maintenance', node: 'pve1' }, guestAway(100), { kind: 'backup-job', id: 'nightly' }];
  const { activeServices, activeStorages } = theHealth('pve1');
  return {
    cluster: 'homelab',
    node: 'pve1',
    open: open.map(openUndo),
    moves: [aMove(100)],
    expected: { bootIdBefore: null, kernel: null, services: activeServices, storages: activeStorages },
    upgradeJob: null,
    policy: { timeouts, parallelMigrations, memoryReservePercent },
    ...changes,
  };
}

export function guestAway(vmid: number): Undo {
  const { kind: guestKind, name } = aMove(vmid);
  return {
    kind: 'guest-away',
    vmid,
    guestKind,
    name,
    home: 'pve1',
    away: 'pve2',
    withLocalDisks: false,
    replicated: false,
  };
}

export function openUndo(undo: Undo): OpenUndo {
  return { undo, reason: 'pve1 is not well: it is away', remedy: remedyFor(undo) };
}

/** The HA maintenance flag of a run that was terminated at half past three, on a node that is in the same boot. */
export function anAbandonedMark(): MarkFacts {
  return {
    mark: {
      workflowId: 'update-node/homelab',
      runId: 'terminated-run',
      since: '2026-11-22T03:10:00.000Z',
      bootId: 'pve1-boot-1',
    },
    bootId: 'pve1-boot-1',
    owner: { state: 'broken-off', startedAt: '2026-11-22T03:00:00.000Z', endedAt: '2026-11-22T03:30:00.000Z' },
    undoLater: null,
  };
}

/** What the nodes of the reference site watch. */
export const theMonitor: NutMonitor = {
  ups: 'ups',
  host: '192.168.10.164',
  port: 3493,
  user: 'nodes',
  pollInterval: 5,
  deadTime: 120,
  hostSync: 15,
};
