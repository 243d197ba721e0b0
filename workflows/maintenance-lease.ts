import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  log,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import type { LeaseMessage, LeaseRequest, LeaseState, RunRef } from '../domain/lease.ts';
import { answerFor, FREE_LEASE, isFree, releaseLease, requestLease, withoutMessage } from '../planning/lease.ts';
import * as message from './messages.ts';
import { lookingActivities } from './steps/activities.ts';
import { now } from './steps/clock.ts';
import { leaseDetails } from './steps/details.ts';

export interface LeaseInput {
  readonly cluster: string;
  /** From the run before this one. */
  readonly state?: LeaseState;
  /** Events after which it continues as new; Temporal's own suggestion by default. */
  readonly longestHistory?: number;
}

/** How often somebody looks whether the holder still runs: sooner while others wait. */
const LOOK_WHILE_OTHERS_WAIT: Duration = '1 minute';
const LOOK: Duration = '10 minutes';

/** It ends when nobody has asked for so long; the next request brings it back. */
const LINGER: Duration = '30 seconds';

/**
 * Who may disturb the cluster: one run at a time, the others wait for their turn in the order in which they came.
 *
 * Runs ask with the update `request`, by update-with-start, and are told by signal when it is their turn. Power asks with
 * `preempt`: it is the next in any case, and the holder is told to stop. Whoever is done sends `release`; a holder that
 * was terminated cannot, so the lease looks after it by itself. A holder that cannot be looked up keeps the lease.
 *
 * It is deaf to cancellation: without it two runs could take the cluster for theirs. It ends when nobody needs it.
 */
export async function maintenanceLease(input: LeaseInput): Promise<void> {
  const { cluster } = input;
  let state = input.state ?? FREE_LEASE;
  let inDoubt = state.queue.length > 0;

  const become = (next: LeaseState) => {
    state = next;
    setCurrentDetails(leaseDetails(state));
  };
  const request = (wanted: LeaseRequest) => {
    become(requestLease(state, wanted, now()));
    const answer = answerFor(state, wanted.run);
    // It may wait for a run that is gone: the sooner that is seen the better.
    if (!answer.granted) inDoubt = true;
    return answer;
  };
  const release = (run: RunRef) => {
    if (isRunRef(run)) become(releaseLease(state, run, now()));
    else log.warn('release: name the run, as {"workflowId": "…", "runId": "…"}');
  };
  setHandler(message.leaseQuery, () => ({ cluster, holder: state.holder, queue: state.queue }), {
    description: 'Who has the cluster, who waits for it, and why.',
  });
  setHandler(message.requestLeaseUpdate, request, {
    description: 'Have the cluster, or wait for it. Argument: {run: {workflowId, runId}, reason, priority}.',
    validator: refuseUnclear,
  });
  setHandler(message.preemptLeaseUpdate, (wanted) => request({ ...wanted, priority: 'power' }), {
    description: 'The same ahead of everyone; the holder is told to stop at its next safe point.',
    validator: refuseUnclear,
  });
  setHandler(message.releaseLeaseSignal, release, {
    description: 'A run needs the cluster no more. Argument: {workflowId, runId}.',
  });

  return CancellationScope.nonCancellable(async () => {
    for (;;) {
      for (const each of state.outbox) {
        become(withoutMessage(state, each));
        if (!(await deliver(each))) inDoubt = true;
      }
      if (mustContinueAsNew(input)) {
        await condition(allHandlersFinished);
        return continueAsNew<typeof maintenanceLease>({ ...input, state });
      }
      if (inDoubt) {
        inDoubt = false;
        const run = state.holder?.run;
        if (run && (await isOver(run))) release(run);
        continue;
      }
      const wasFree = isFree(state);
      const stirred = () => inDoubt || state.outbox.length > 0 || isFree(state) !== wasFree;
      if (await condition(stirred, patience(state))) continue;
      if (!wasFree) inDoubt = true;
      else {
        await condition(allHandlersFinished);
        if (isFree(state)) return;
      }
    }
  });
}

function patience(state: LeaseState): Duration {
  if (isFree(state)) return LINGER;
  return state.queue.length > 0 ? LOOK_WHILE_OTHERS_WAIT : LOOK;
}

function mustContinueAsNew({ longestHistory }: LeaseInput): boolean {
  const { continueAsNewSuggested, historyLength } = workflowInfo();
  return continueAsNewSuggested || (longestHistory !== undefined && historyLength >= longestHistory);
}

/** False when the run could not be told, which is mostly because it is gone. */
async function deliver(each: LeaseMessage): Promise<boolean> {
  // Without its run id, which changes when it continues as new: so whoever hears it is told whom it is for.
  const run = getExternalWorkflowHandle(each.to.workflowId);
  try {
    if (each.kind === 'granted') await run.signal(message.leaseGrantedSignal, each.to);
    else await run.signal(message.preemptedSignal, each.by, each.to);
    return true;
  } catch {
    return false;
  }
}

async function isOver(run: RunRef): Promise<boolean> {
  try {
    return await lookingActivities().isRunOver.executeWithOptions(
      { summary: `see whether ${run.workflowId} still runs` },
      [{ run }],
    );
  } catch {
    // Who cannot be looked up is not taken for gone; the next look may tell.
    return false;
  }
}

function refuseUnclear(wanted: LeaseRequest): void {
  if (isRunRef((wanted as LeaseRequest | undefined)?.run) && typeof wanted.reason === 'string') return;
  throw ApplicationFailure.nonRetryable(
    'run, reason: say who asks and why, as {"run": {"workflowId": "…", "runId": "…"}, "reason": "…", "priority": "maintenance"}',
    ErrorType.InvalidInput,
  );
}

function isRunRef(run: RunRef | undefined): boolean {
  return typeof run?.workflowId === 'string' && typeof run.runId === 'string';
}
