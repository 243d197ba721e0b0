import { condition, getExternalWorkflowHandle, log, setHandler } from '@temporalio/workflow';
import type { Duration } from '../../../domain/duration.ts';
import { maintenanceLeaseId } from '../../../domain/ids.ts';
import { leaseGrantedSignal, releaseLeaseSignal } from '../../messages.ts';
import { isThisRun, thisRun } from '../lease.ts';
import { within } from './activities.ts';

/** The cluster, as an outage takes it: from whoever has it, and without waiting for them when there is need. */
export interface ClusterLease {
  /** Nobody else disturbs the cluster. */
  readonly granted: boolean;
  release(): Promise<void>;
}

/** Nothing is lost with a lease that somebody has terminated: it is asked again so often. */
const ASK_AGAIN = '1 minute';

/** For one answer; the lease may be waiting for a worker of its own. */
const ANSWER: Duration = '30 seconds';

/** Asks for the cluster ahead of everybody, in the background. Whoever has it stops at the next safe point. */
export function takeCluster(cluster: string, reason: string, onGranted: () => void): ClusterLease {
  const run = thisRun();
  let granted = false;
  let released = false;
  const grant = (): void => {
    if (granted) return;
    granted = true;
    onGranted();
  };
  setHandler(leaseGrantedSignal, (to) => (isThisRun(to) ? grant() : undefined), {
    description: 'Sent by the lease: nobody else disturbs the cluster any more.',
  });
  const ask = async (): Promise<void> => {
    while (!granted && !released) {
      try {
        const answer = await within(ANSWER).requestLease.executeWithOptions(
          { summary: `take the lease of ${cluster}` },
          [{ cluster, request: { run, reason, priority: 'power' } }],
        );
        if (answer.granted) return grant();
      } catch (error) {
        log.warn('The lease does not answer.', { error });
      }
      await condition(() => granted || released, ASK_AGAIN);
    }
  };
  void ask();
  return {
    get granted() {
      return granted;
    },
    async release() {
      released = true;
      await getExternalWorkflowHandle(maintenanceLeaseId(cluster))
        .signal(releaseLeaseSignal, run)
        .catch(() => undefined);
    },
  };
}
