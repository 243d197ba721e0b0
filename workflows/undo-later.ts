import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  continueAsNew,
  workflowInfo,
} from '@temporalio/workflow';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import type { UndoResult } from '../domain/undo.ts';
import { reasonsNotToArm, type Hindrances, type Leftover } from '../planning/leftover.ts';
import { undoMail } from '../reports/undo-mail.ts';
import { explain } from './steps/failures.ts';
import { holdBack, LONG_ENOUGH_WITHOUT_THE_NODE, tryToGiveBack } from './steps/give-back.ts';
import { leaseOf, thisRun, type Lease } from './steps/lease.ts';
import { notify } from './steps/notify.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';
import { look } from './steps/trouble.ts';
import { listenForUndo, type UndoEnd, type UndoList, type UndoListState } from './steps/undo-list.ts';
import { whyNotWell } from './steps/well-enough.ts';

export interface UndoLaterInput {
  readonly left: Leftover;
  /** From the run before this one. */
  readonly state?: UndoListState;
  /** Events after which it continues as new; Temporal's own suggestion by default. */
  readonly longestHistory?: number;
}

/** A node that is not well at once is looked at again soon anyway. */
const LOOK: Duration = '3 minutes';

/**
 * Goes on undoing what a run has left on one node, for days: tries, and waits a little longer each time.
 *
 * A try begins with the same proof that the run itself asks for: no upgrade at work, a boot that a reboot may still end is
 * over, the node a full member as it was before. Only then it takes the lease of the cluster, waits its turn where another
 * run has it, proves the node again, and gives the lease back after the try. HA is armed only while every node is there.
 * What others have changed meanwhile stays. Mails when all is undone, and when it gives up.
 *
 * Fails with `UndoGivenUp` after `rollingUpdate.timeouts.undoLater`, with the UndoResult as first detail.
 */
export async function undoLater(input: UndoLaterInput): Promise<UndoResult> {
  const list = listenForUndo(input.left, input.state);
  const { cluster, node, policy } = input.left;
  const lease = leaseOf(thisRun(), `undo what is left on ${node}`, { cluster, policy }, list, 'It is tried again.');
  describeRun('undo-later', node);

  return CancellationScope.nonCancellable(async () => {
    for (;;) {
      const end = list.end();
      if (end !== null) {
        await tell(list, end);
        await condition(allHandlersFinished);
        // Another run may have left more while the mail was sent.
        if (list.end() === end) return conclude(list.result(), end);
      } else if (mustContinueAsNew(input)) {
        await condition(allHandlersFinished);
        return continueAsNew<typeof undoLater>({ ...input, left: list.left(), state: list.state() });
      } else if (await list.awaitNextTry()) {
        await tryOnce(list, lease);
      }
    }
  });
}

function mustContinueAsNew({ longestHistory }: UndoLaterInput): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || (longestHistory !== undefined && historyLength >= longestHistory);
}

async function tryOnce(list: UndoList, lease: Lease): Promise<void> {
  list.begin();
  try {
    const may = holdBack(list.scene(), await hindrances(list));
    if (list.left().open.some(({ undo }) => list.isOpen(undo) && may(undo))) await undoInTurn(list, lease);
  } catch (error) {
    list.holdAll(explain(error));
  } finally {
    list.tried();
  }
}

/** The cluster is asked for only when there is something to do, and kept no longer than that. */
async function undoInTurn(list: UndoList, lease: Lease): Promise<void> {
  try {
    if (await lease.hold(list.timeLeft())) await lease.require();
    const scene = list.scene();
    const found = await hindrances(list);
    const may = holdBack(scene, found);
    // Nobody else has the cluster meanwhile.
    const within = found.sick.length > 0 ? LONG_ENOUGH_WITHOUT_THE_NODE : scene.policy.timeouts.migration;
    await tryToGiveBack(scene, within, (undo) => {
      return !list.mustMakeWay && list.end() === null && list.isOpen(undo) && may(undo);
    });
  } finally {
    await lease.release();
  }
}

async function hindrances(list: UndoList): Promise<Hindrances> {
  const { node, policy, upgradeJob, expected } = list.left();
  const scene = list.scene();
  const patient = { node, timeouts: policy.timeouts, upgradeJob, expected };
  const sick = await whyNotWell(patient, { upgrade: LOOK, rejoin: LOOK });
  const open = new Set(scene.ledger.open().map(({ kind }) => kind));
  if (!open.has('ha-armed') && !open.has('backup-job')) return { sick, unarmed: [], quorate: true };
  const snapshot = await look(scene);
  const unarmed = open.has('ha-armed') ? reasonsNotToArm(snapshot) : [];
  return { sick, unarmed, quorate: snapshot.quorum.quorate };
}

async function tell(list: UndoList, end: UndoEnd): Promise<void> {
  const result = list.result();
  // Who left it all to people knows.
  if (end === 'done' && result.undone.length + result.overtaken.length === 0) return;
  const { firstExecutionRunId } = workflowInfo();
  // What another run adds while a mail is sent prolongs the work, and its end deserves a mail of its own.
  const id = `undo/${firstExecutionRunId}/${end}/${list.state().until}`;
  await notify(undoMail(id, result, end));
}

function conclude(result: UndoResult, end: UndoEnd): UndoResult {
  describeOutcome(end);
  if (end === 'done') return result;
  const what = result.open.map(({ reason, remedy }) => `${reason} (${remedy})`).join(' | ');
  if (end === 'canceled') throw new CancelledFailure(`Canceled; still to be undone by hand: ${what}`);
  throw ApplicationFailure.create({
    type: ErrorType.UndoGivenUp,
    message: `${result.node}: given up, to be undone by hand: ${what}`,
    nonRetryable: true,
    details: [result],
  });
}
