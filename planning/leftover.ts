import type { ClusterSnapshot } from '../domain/cluster.ts';
import type { GuestMove } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import { undoKey, type OpenUndo, type Undo } from '../domain/undo.ts';
import { howToEndTrial } from './canary.ts';
import type { RejoinExpectation } from './rejoin.ts';

/** What undoing goes by. */
export type UndoPolicy = Pick<Policy, 'timeouts' | 'parallelMigrations' | 'memoryReservePercent'>;

/** What a run leaves behind on one node, with all that is needed to undo it without the run. */
export interface Leftover {
  readonly cluster: string;
  readonly node: string;
  /** In the order of undoing. */
  readonly open: readonly OpenUndo[];
  /** All guests that ran on the node before. */
  readonly moves: readonly GuestMove[];
  /** What proves that the node is well. `bootIdBefore` is a boot that a reboot may still end. */
  readonly expected: RejoinExpectation;
  /** An upgrade that may still be at work on the node. */
  readonly upgradeJob: string | null;
  readonly policy: UndoPolicy;
}

/**
 * Two runs have left something on the same node. The newer one has seen the node last, so its word counts where they
 * differ; what it says nothing about stays as the older one has it.
 */
export function joinLeftovers(older: Leftover, newer: Leftover): Leftover {
  return {
    ...newer,
    open: joinBy(older.open, newer.open, ({ undo }) => undoKey(undo)),
    moves: joinBy(older.moves, newer.moves, ({ vmid }) => vmid),
    expected: { ...newer.expected, bootIdBefore: newer.expected.bootIdBefore ?? older.expected.bootIdBefore },
    upgradeJob: newer.upgradeJob ?? older.upgradeJob,
  };
}

function joinBy<T>(older: readonly T[], newer: readonly T[], key: (each: T) => string | number): T[] {
  const replaced = new Set(newer.map(key));
  return [...newer, ...older.filter((each) => !replaced.has(key(each)))];
}

/** A node that is mended is noticed soon, and one that stays broken does not fill the history. */
const FIRST_PAUSE_MS = 2 * 60_000;
const LONGEST_PAUSE_MS = 30 * 60_000;

/** Milliseconds before the next try, after so many. */
export function pauseBeforeTry(tries: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(tries, 10));
}

/** True for a change that must not be taken back before the node is well. */
function needsTheNode(undo: Undo): boolean {
  return undo.kind !== 'backup-job';
}

/** What stands in the way of undoing, a sentence each. */
export interface Hindrances {
  /** The node is not well. */
  readonly sick: readonly string[];
  /** HA must not be armed now. */
  readonly unarmed: readonly string[];
  /** False: the configuration of the cluster, with its backup jobs, cannot be written. */
  readonly quorate: boolean;
}

const NOT_QUORATE = 'the cluster is not quorate';

/** Why a change must not be taken back now; null when it may be tried. */
export function whyHeld(undo: Undo, node: string, { sick, unarmed, quorate }: Hindrances): string | null {
  if (!needsTheNode(undo)) return quorate ? null : NOT_QUORATE;
  if (sick.length > 0) return `${node} is not well: ${sick.join(', ')}`;
  // Before it is armed, the HA manager hears no other command.
  const forHa = undo.kind === 'ha-armed' || undo.kind === 'maintenance';
  return forHa && unarmed.length > 0 ? unarmed.join('; ') : null;
}

/**
 * Reasons not to arm HA: once it is armed, the watchdogs reset the nodes that are left without quorum. Where a person has
 * armed it meanwhile there is nothing left to fear, but what HA says of itself without quorum is old.
 */
export function reasonsNotToArm({ nodes, quorum, ha }: ClusterSnapshot): string[] {
  if (quorum.quorate && (ha.armed === 'armed' || ha.armed === 'standby')) return [];
  const away = nodes
    .filter(({ online }) => !online)
    .map(({ name }) => `${name} is offline, and HA is armed only when every node is back`);
  return quorum.quorate ? away : [...away, NOT_QUORATE];
}

/** What a person does when it could not be undone. */
export function remedyFor(undo: Undo): string {
  switch (undo.kind) {
    case 'maintenance':
      return `when the node is well: ha-manager crm-command node-maintenance disable ${undo.node}`;
    case 'ha-armed':
      return 'when every node is back: pvesh create /cluster/ha/status/arm-ha, on any node';
    case 'ceph-noout':
      return `when ${undo.node} is well: ceph osd rm-noout ${undo.node}`;
    case 'kernel-pin':
      return howToEndTrial(undo);
    case 'backup-job':
      return `pvesh set /cluster/backup/${undo.id} --enabled 1, on any node`;
    case 'guest-away':
      return undo.guestKind === 'qemu'
        ? `when ${undo.home} is well: qm migrate ${undo.vmid} ${undo.home} --online, on ${undo.away}`
        : `when ${undo.home} is well: pct migrate ${undo.vmid} ${undo.home} --restart, on ${undo.away}`;
    case 'guest-stopped':
      return `when ${undo.home} is well: ${undo.guestKind === 'qemu' ? 'qm' : 'pct'} start ${undo.vmid}, on ${undo.home}`;
  }
}
