import { condition, getExternalWorkflowHandle, log, setHandler } from '@temporalio/workflow';
import type { Duration } from '../../../domain/duration.ts';
import { maintenanceLeaseId } from '../../../domain/ids.ts';
import type { LeaseRequest, RunRef } from '../../../domain/lease.ts';
import { leaseGrantedSignal, releaseLeaseSignal } from '../../messages.ts';
import { isThisRun, thisRun } from '../lease.ts';
import { within } from './activities.ts';

/** The cluster, as an outage takes it: from whoever has it, and without waiting for them when there is need. */
export interface ClusterLease {
  /** Nobody else disturbs the cluster. */
  readonly granted: boolean;
  /** Asks for it in the background, ahead of everybody. Asking for what one has is having it still. */
  take(): void;
  release(): Promise<void>;
}

/**
 * Nothing is lost with a lease that somebody has terminated: it is asked again, in minutes. More rarely with time, for one
 * that is never granted must not fill a history.
 */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 60;

/** For one answer; the lease may be waiting for a worker of its own. */
const ANSWER: Duration = '30 seconds';

/** Whoever has the cluster stops at the next safe point. */
export function takeCluster(cluster: string, reason: string, onGranted: () => void): ClusterLease {
  const run = thisRun();
  let granted = false;
  /** Goes up with each taking and giving back, which ends the asking before. */
  let turn = 0;
  const grant = (): void => {
    if (granted) return;
    granted = true;
    onGranted();
  };
  setHandler(leaseGrantedSignal, (to) => (isThisRun(to) ? grant() : undefined), {
    description: 'Sent by the lease: nobody else disturbs the cluster any more.',
  });
  const ask = async (mine: number): Promise<void> => {
    const isOver = (): boolean => granted || turn !== mine;
    for (let pause = FIRST_PAUSE; !isOver(); pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      if ((await askForLease(cluster, run, reason, 'power')) && turn === mine) return grant();
      await condition(isOver, `${pause} minutes`);
    }
  };
  return {
    get granted() {
      return granted;
    },
    take() {
      granted = false;
      turn += 1;
      void ask(turn);
    },
    async release() {
      turn += 1;
      await giveBackLease(cluster, run);
    },
  };
}

/** Whether the run has it now; no answer is none. */
export async function askForLease(
  cluster: string,
  run: RunRef,
  reason: string,
  priority: LeaseRequest['priority'],
): Promise<boolean> {
  try {
    const answer = await within(ANSWER).requestLease.executeWithOptions({ summary: `take the lease of ${cluster}` }, [
      { cluster, request: { run, reason, priority } },
    ]);
    return answer.granted;
  } catch (error) {
    log.warn('The lease does not answer.', { error });
    return false;
  }
}

export async function giveBackLease(cluster: string, run: RunRef): Promise<void> {
  await getExternalWorkflowHandle(maintenanceLeaseId(cluster))
    .signal(releaseLeaseSignal, run)
    .catch(() => undefined);
}
