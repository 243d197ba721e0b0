import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Duration } from '../../domain/duration.ts';
import { dryRunId, patchFleetId } from '../../domain/ids.ts';
import type { RunRef } from '../../domain/lease.ts';
import type { FleetReport, WeeklySettings } from '../../domain/patch.ts';
import { patchFleet, type PatchFleetInput } from '../patch-fleet.ts';
import { quickActivities } from './activities.ts';
import { now } from './clock.ts';
import { explain, reportIn } from './failures.ts';
import type { Operator } from './operator.ts';
import { runChild } from './run-child.ts';

/** How often somebody looks whether the hosts that a lost run has left in hand are over. */
const LOOK_AGAIN: Duration = '10 seconds';

/** How a group ended. */
export interface GroupEnd {
  readonly report: FleetReport;
  /** Nobody can tell how its hosts ended: somebody terminated its run, or it could not even write its report. */
  readonly lost: boolean;
}

/**
 * One group of the weekly updates, by a run of its own. Its end, whatever it is, is a report. No host of the group is in
 * hand any more, even where its run was terminated in the middle: what such a run leaves behind is waited for.
 */
export async function patchGroup(
  input: PatchFleetInput,
  { settings, operator }: { readonly settings: WeeklySettings; readonly operator: Operator },
): Promise<GroupEnd> {
  const { cluster, dryRun, timeouts } = settings;
  const { name } = input;
  const startedAt = now();
  const id = patchFleetId(cluster, name);
  const workflowId = dryRun ? dryRunId(id, workflowInfo().firstExecutionRunId) : id;
  const withoutHosts = (outcome: 'failed' | 'stopped', reason: string): FleetReport => {
    return { cluster, name, outcome, reason, hosts: [], startedAt, endedAt: now() };
  };
  let run: RunRef | null = null;
  try {
    const report = await runChild(operator, 'abort', async () => {
      const child = await startChild(patchFleet, {
        workflowId,
        args: [input],
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        staticSummary: `Patching of ${name}`,
      });
      run = { workflowId, runId: child.firstExecutionRunId };
      return child;
    });
    return { report, lost: false };
  } catch (error) {
    const report = reportIn<FleetReport>(error, 'hosts');
    if (report !== null) return { report, lost: false };
    if (error instanceof WorkflowExecutionAlreadyStartedError) {
      // This run has the lease, so the other one cannot have begun.
      const reason = `${workflowId} was started by itself and waits for its turn, which comes when this run is over; it patches these hosts then`;
      return { report: withoutHosts('stopped', reason), lost: false };
    }
    if (run !== null) await untilNothingIsInHand(run, timeouts);
    const reason = `${workflowId} ended without a report (${explain(error)}): nobody can tell which of its hosts were patched. Look at the last runs of its hosts (caretaker patch history); then: caretaker patch ${name}`;
    return { report: withoutHosts('failed', reason), lost: true };
  }
}

/** The lease is not given back, nor another host begun, while hosts are finished by runs that nobody leads any more. */
async function untilNothingIsInHand(run: RunRef, { workerLost }: WeeklySettings['timeouts']): Promise<void> {
  const isOver = () =>
    quickActivities(workerLost).isRunOver.executeWithOptions({ summary: `are the hosts of ${run.workflowId} over?` }, [
      { run },
    ]);
  while (!(await isOver())) await sleep(LOOK_AGAIN);
}
