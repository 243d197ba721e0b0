import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  startChild,
  TerminatedFailure,
  workflowInfo,
} from '@temporalio/workflow';
import { dryRunId, patchHostId } from '../../domain/ids.ts';
import type { HostLine, HostReport } from '../../domain/patch.ts';
import { lineOf, lineWithout } from '../../planning/host-line.ts';
import { patchHost } from '../patch-host.ts';
import { explain, reportIn, rootFailure, isAskedFor } from './failures.ts';
import type { FleetWork } from './patch-in-turn.ts';
import { runChild } from './run-child.ts';

/** One host of a group, by a run of its own. Its end, whatever it is, is a line of the report. */
export async function patchOne(host: string, { settings, policy, lease, operator }: FleetWork): Promise<HostLine> {
  const { cluster, dryRun } = settings;
  const id = patchHostId(cluster, host);
  const workflowId = dryRun ? dryRunId(id, workflowInfo().firstExecutionRunId) : id;
  try {
    const report = await runChild(operator, 'abort', () =>
      startChild(patchHost, {
        workflowId,
        args: [{ host, policy, ...(dryRun ? {} : { lease }) }],
        // Where this run is terminated, the hosts in hand come to their end and tidy up.
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        staticSummary: `${host}${dryRun ? ': what would be done' : ''}`,
      }),
    );
    return lineOf(report);
  } catch (error) {
    return lineOfFailure(host, workflowId, error);
  }
}

function lineOfFailure(host: string, workflowId: string, error: unknown): HostLine {
  const report = reportIn<HostReport>(error, 'host');
  if (report !== null) return lineOf(report);
  const again = `caretaker patch ${host}`;
  if (error instanceof WorkflowExecutionAlreadyStartedError) {
    const reason = `${workflowId} patches it already, or waits for its turn, which comes when this run is over`;
    return lineWithout(host, 'failed', reason, `See how that run ends; it patches ${host} unless it is canceled.`);
  }
  if (rootFailure(error) instanceof TerminatedFailure) {
    const reason = 'its run was terminated in the middle, and nothing was tidied up';
    return lineWithout(
      host,
      'failed',
      reason,
      `See whether apt is at work there and a snapshot is left; then: ${again}`,
    );
  }
  if (isAskedFor(error)) {
    return lineWithout(host, 'aborted', 'its run was canceled', null);
  }
  return lineWithout(host, 'failed', explain(error), `Look at the run ${workflowId} in Temporal; then: ${again}`);
}
