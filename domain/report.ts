import type { PackageUpdate } from './cluster.ts';
import type { Decision, Question } from './decision.ts';
import type { MoveKind, RollPlan } from './plan.ts';
import type { OpenUndo, UndoLaterRef } from './undo.ts';

export type NodePhase =
  | 'waiting'
  | 'checking'
  | 'awaiting-approval'
  | 'maintenance'
  | 'draining'
  | 'upgrading'
  | 'rebooting'
  | 'rejoining'
  | 'returning'
  | 'verifying'
  | 'undoing'
  | 'done'
  | 'skipped'
  | 'failed';

export interface PhaseTime {
  readonly phase: NodePhase;
  /** ISO 8601. */
  readonly startedAt: string;
}

export type GuestWhereabouts = 'home' | 'leaving' | 'away' | 'returning' | 'stopped' | 'stays';

/** One guest of the node that is being updated. */
export interface GuestProgress {
  readonly vmid: number;
  readonly name: string;
  readonly how: MoveKind;
  readonly at: GuestWhereabouts;
  readonly node: string;
}

/** How long a guest did not run during the update of its node. */
export interface Downtime {
  readonly milliseconds: number;
  /**
   * `measured`: QEMU's own figure of how long a VM stood still in its migrations. `at-most`: it was down somewhere within
   * that time, which Proxmox's task list bounds to the second; the truth is shorter.
   */
  readonly certainty: 'measured' | 'at-most';
  /** It was shut down and not started again; that time is not in `milliseconds`. */
  readonly stillDown: boolean;
}

/** What became of one guest of the node. */
export interface GuestReport extends GuestProgress {
  /** When the run began to move it or shut it down, and when it was home again; ISO 8601. */
  readonly leftAt: string | null;
  readonly backAt: string | null;
  /** Null: nothing is known that would have kept it from running. */
  readonly downtime: Downtime | null;
}

export interface RebootProof {
  readonly bootIdBefore: string;
  readonly bootIdAfter: string;
  readonly kernelBefore: string;
  readonly kernelAfter: string;
  /** `kernelAfter` was booted for one boot first; `on-trial` as long as it is not proved that the node is well with it. */
  readonly canary?: 'on-trial' | 'kept';
}

export type NodeOutcome = 'planned' | 'updated' | 'skipped' | 'failed' | 'refused' | 'aborted' | 'not-reached';

/** How many entries of a list were left out, so that a result stays of bounded size. */
export interface LeftOut {
  readonly packages: number;
  readonly guests: number;
}

export interface NodeReport {
  readonly node: string;
  readonly outcome: NodeOutcome;
  /** Why, in one sentence. */
  readonly reason: string;
  readonly phases: readonly PhaseTime[];
  readonly packages: readonly PackageUpdate[];
  readonly reboot: RebootProof | null;
  readonly guests: readonly GuestReport[];
  readonly warnings: readonly string[];
  readonly openUndo: readonly OpenUndo[];
  /** Where that goes on being tried; absent when nothing is open. */
  readonly undoLater?: UndoLaterRef;
  /** Questions that were asked during its update, with their answers. */
  readonly decisions: readonly Decision[];
  readonly leftOut?: LeftOut;
}

export type RollOutcome = 'planned' | 'nothing-to-do' | 'done' | 'refused' | 'failed' | 'aborted';

/** Result of `rollingUpdate`, of bounded size (`reports/bounded.ts`); a run that fails carries it in the details of its failure. */
export interface RollReport {
  readonly cluster: string;
  readonly outcome: RollOutcome;
  readonly reason: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly plan: RollPlan | null;
  readonly nodes: readonly NodeReport[];
  readonly warnings: readonly string[];
  /** Times in which the run stayed open and touched nothing. */
  readonly waits: readonly Wait[];
}

export interface Wait {
  /** `the maintenance window` */
  readonly for: string;
  /** ISO 8601. */
  readonly from: string;
  readonly until: string;
}

/** Answer of the query `progress` of `updateNode`. */
export interface NodeProgress {
  readonly node: string;
  readonly phase: NodePhase;
  readonly phases: readonly PhaseTime[];
  readonly guests: readonly GuestProgress[];
  /** What it asks of a person now. */
  readonly question: Question | null;
  /** What would have to be undone if it ended here. */
  readonly undo: readonly OpenUndo[];
}

/** Answer of the query `progress` of `rollingUpdate`. */
export interface RollProgress {
  readonly cluster: string;
  readonly startedAt: string;
  readonly paused: boolean;
  /** What the run waits for, if anything: a person where `asking`, with `waitingUntil` a point in time. */
  readonly waitingFor: string | null;
  /** ISO 8601: when it goes on by itself; null while it waits for something else. */
  readonly waitingUntil: string | null;
  /** A person is asked to `approve` what the run waits for. */
  readonly asking: boolean;
  /** What one of its nodes asks of a person; `waitingFor` tells it in words. */
  readonly question: Question | null;
  readonly nodes: readonly NodeProgress[];
  readonly expectedMilliseconds: number;
}
