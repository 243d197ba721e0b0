import { ApplicationFailure, getExternalWorkflowHandle, setHandler, workflowInfo } from '@temporalio/workflow';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import { isUndoLater, maintenanceLeaseId } from '../../domain/ids.ts';
import type { LeaseAnswer, LeaseRequest, RunRef } from '../../domain/lease.ts';
import type { PolicyTimeouts } from '../../domain/policy.ts';
import { describeHolder } from '../../planning/lease.ts';
import { leaseGrantedSignal, releaseLeaseSignal } from '../messages.ts';
import { quickActivities } from './activities.ts';
import type { Operator } from './operator.ts';

/** A run that waits asks again so often: nothing is lost with a lease that somebody has terminated. */
const ASK_AGAIN: Duration = '10 minutes';

const ASK_UNHEARD: Duration = '1 minute';

const START_AGAIN =
  'Start again when that run is over; rollingUpdate waits for its turn (rollingUpdate.timeouts.lease).';

/** The same for runs that patch hosts. */
export const PATCH_AGAIN = 'Start again when that run is over (patching.timeouts.lease is how long it is waited for).';

/** The lease of the cluster as one run sees it; see `maintenanceLease`. */
export interface Lease {
  /**
   * Waits for its turn. True when it had to wait: what was planned before may be old. Throws `Refused` after `within`,
   * and what the operator throws when the run shall end.
   */
  hold(within: Duration): Promise<boolean>;
  /**
   * Has it now, or throws `Refused`. Asking for what one holds proves that one holds it still. Only for the end of an
   * `undoLater`'s try it waits.
   */
  require(): Promise<void>;
  /** Lets the next one have it, whether the run has it, waits for it or never asked. */
  release(): Promise<void>;
}

/**
 * @param reason What the run is about to do, for those who wait for it.
 * @param advice What a person does when the run was refused.
 */
export function leaseOf(
  run: RunRef,
  reason: string,
  {
    cluster,
    policy,
  }: { readonly cluster: string; readonly policy: { readonly timeouts: Pick<PolicyTimeouts, 'lease' | 'workerLost'> } },
  operator: Pick<Operator, 'awaitEvent'>,
  advice = START_AGAIN,
): Lease {
  const request: LeaseRequest = { run, reason, priority: 'maintenance' };
  let held = false;
  let granted = false;
  setHandler(
    leaseGrantedSignal,
    (to) => {
      granted ||= isThisRun(to);
    },
    { description: 'Sent by the lease: it is the turn of this run.' },
  );

  const ask = (): Promise<LeaseAnswer> =>
    quickActivities(policy.timeouts.workerLost).requestLease.executeWithOptions(
      { summary: `ask for the lease of ${cluster}` },
      [{ cluster, request }],
    );
  const release = async () => {
    held = false;
    // A lease that has ended has nothing to be given back.
    await getExternalWorkflowHandle(maintenanceLeaseId(cluster))
      .signal(releaseLeaseSignal, run)
      .catch(() => undefined);
  };

  return {
    async hold(within) {
      if (held) return false;
      granted = false;
      const deadline = Date.now() + toMilliseconds(within);
      let answer = await ask();
      const atOnce = answer.granted;
      while (!answer.granted) {
        const left = deadline - Date.now();
        if (left <= 0) throw refuse(answer, `Waited ${within} for the cluster`, advice);
        const patience = Math.min(left, toMilliseconds(ASK_AGAIN));
        await operator.awaitEvent(describeWait(answer), () => granted, patience);
        granted = false;
        answer = await ask();
      }
      held = true;
      return !atOnce;
    },
    async require() {
      const deadline = Date.now() + toMilliseconds(policy.timeouts.lease);
      let answer = await ask();
      // It comes every few minutes and is soon done, and needs nothing that this run keeps from it.
      while (!answer.granted && isUndoLater(answer.holder.run.workflowId, cluster) && Date.now() < deadline) {
        // Where the roll has asked, it is the roll that hears of its turn.
        await operator.awaitEvent(describeWait(answer), () => granted, toMilliseconds(ASK_UNHEARD));
        granted = false;
        answer = await ask();
      }
      if (!answer.granted) {
        await release();
        throw refuse(answer, 'The cluster is not free', advice);
      }
    },
    release,
  };
}

/** The run itself, however often it has continued as new. */
export function thisRun(): RunRef {
  const { workflowId, firstExecutionRunId } = workflowInfo();
  return { workflowId, runId: firstExecutionRunId };
}

/** Whether a message of the lease is for this run and not for an earlier one of the same id. Nobody in particular: it is. */
export function isThisRun(to: RunRef | undefined): boolean {
  return to === undefined || to.runId === thisRun().runId;
}

type Taken = Extract<LeaseAnswer, { granted: false }>;

function describeWait({ holder, ahead }: Taken): string {
  const others = ahead === 0 ? '' : `; ${ahead} more before this run`;
  return `its turn: ${describeHolder(holder)}${others}`;
}

function refuse({ holder }: Taken, why: string, advice: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.Refused,
    message: `${why}: ${describeHolder(holder)}. ${advice}`,
    nonRetryable: true,
  });
}
