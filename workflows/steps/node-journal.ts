import { getExternalWorkflowHandle, setCurrentDetails, setHandler, workflowInfo } from '@temporalio/workflow';
import type { PackageUpdate } from '../../domain/cluster.ts';
import type { Decision, Question } from '../../domain/decision.ts';
import type { GuestMove } from '../../domain/plan.ts';
import type {
  Downtime,
  GuestReport,
  GuestWhereabouts,
  NodeOutcome,
  NodePhase,
  NodeProgress,
  NodeReport,
  PhaseTime,
  RebootProof,
} from '../../domain/report.ts';
import type { OpenUndo, UndoLaterRef } from '../../domain/undo.ts';
import { nodeProgressQuery, nodeProgressSignal, undoQuery } from '../messages.ts';
import { now } from './clock.ts';
import { nodeDetails } from './details.ts';

/**
 * What is known about one node's update so far. Everything is shown in the UI at once; the parent is told the phases
 * only, for a signal for every guest would bury its history.
 */
export interface NodeJournal {
  enter(phase: NodePhase): void;
  expectGuests(moves: readonly GuestMove[]): void;
  guest(vmid: number, at: GuestWhereabouts, node: string): void;
  /** How long guests were down, by vmid. */
  downtimes: (known: Readonly<Record<string, Downtime>>) => void;
  warn(warning: string): void;
  /** A question is open from now on, or none any more. */
  asks(question: Question | null): void;
  decided(decision: Decision): void;
  upgraded(packages: readonly PackageUpdate[]): void;
  rebooted(proof: RebootProof): void;
  /** What has to be undone has changed. */
  toUndo: (left: () => readonly OpenUndo[]) => void;
  /** What is open goes on being tried there. */
  leftTo(ref: UndoLaterRef): void;
  /** The kernel of the reboot has proved well, and is no longer on trial. */
  keptKernel(): void;
  /** That this run has rebooted the node; null before, and if it did not. */
  rebootProof(): RebootProof | null;
  progress(): NodeProgress;
  report(outcome: NodeOutcome, reason: string, openUndo: readonly OpenUndo[]): NodeReport;
}

export function createNodeJournal(node: string): NodeJournal {
  const phases: PhaseTime[] = [];
  const warnings: string[] = [];
  const guests = new Map<number, GuestReport>();
  let packages: readonly PackageUpdate[] = [];
  let reboot: RebootProof | null = null;
  let question: Question | null = null;
  const decisions: Decision[] = [];
  let undoLater: UndoLaterRef | null = null;
  let toUndo: () => readonly OpenUndo[] = () => [];

  const progress = (): NodeProgress => ({
    node,
    phase: phases.at(-1)?.phase ?? 'waiting',
    phases: [...phases],
    guests: [...guests.values()].map(({ leftAt: _, backAt: __, downtime: ___, ...progress }) => progress),
    question,
    undo: toUndo(),
  });
  const show = () => setCurrentDetails(nodeDetails(progress(), warnings));
  const tellParent = () => {
    const { parent } = workflowInfo();
    if (!parent) return;
    // A parent that has ended needs no news; the signal must not hold up or fail the work.
    void getExternalWorkflowHandle(parent.workflowId, parent.runId)
      .signal(nodeProgressSignal, progress())
      .catch(() => undefined);
  };
  setHandler(nodeProgressQuery, progress, { description: 'Phase of the node and places of its guests.' });
  setHandler(undoQuery, () => toUndo(), { description: 'What is to be undone on the node, and why it is not yet.' });

  return {
    enter(phase) {
      phases.push({ phase, startedAt: now() });
      show();
      tellParent();
    },
    expectGuests(moves) {
      for (const { vmid, name, how } of moves) {
        const at = how === 'leave' ? 'stays' : 'home';
        guests.set(vmid, { vmid, name, how, at, node, leftAt: null, backAt: null, downtime: null });
      }
    },
    guest(vmid, at, where) {
      const known = guests.get(vmid);
      if (!known) return;
      const time = now();
      guests.set(vmid, {
        ...known,
        at,
        node: where,
        leftAt: known.leftAt ?? time,
        backAt: at === 'home' ? time : null,
      });
      show();
    },
    downtimes(known) {
      for (const [vmid, guest] of guests) guests.set(vmid, { ...guest, downtime: known[vmid] ?? null });
    },
    warn(warning) {
      if (!warnings.includes(warning)) warnings.push(warning);
    },
    asks(open) {
      question = open;
      show();
      tellParent();
    },
    decided(decision) {
      decisions.push(decision);
    },
    upgraded(list) {
      packages = list;
    },
    rebooted(proof) {
      reboot = proof;
    },
    toUndo(left) {
      toUndo = left;
      show();
    },
    leftTo(ref) {
      undoLater = ref;
    },
    keptKernel() {
      if (reboot !== null) reboot = { ...reboot, canary: 'kept' };
    },
    rebootProof: () => reboot,
    progress,
    report: (outcome, reason, openUndo) => ({
      node,
      outcome,
      reason,
      phases: [...phases],
      packages,
      reboot,
      guests: [...guests.values()],
      warnings: [...warnings],
      openUndo,
      decisions: [...decisions],
      ...(undoLater === null ? {} : { undoLater }),
    }),
  };
}
