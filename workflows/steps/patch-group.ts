import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ChildWorkflowCancellationType, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import { dryRunId, patchFleetId } from '../../domain/ids.ts';
import type { FleetReport, WeeklySettings } from '../../domain/patch.ts';
import { patchFleet, type PatchFleetInput } from '../patch-fleet.ts';
import { now } from './clock.ts';
import { explain, reportIn } from './failures.ts';
import type { Operator } from './operator.ts';
import { runChild } from './run-child.ts';

/** One group of the weekly updates, by a run of its own. Its end, whatever it is, is a report. */
export async function patchGroup(
  input: PatchFleetInput,
  { settings, operator }: { readonly settings: WeeklySettings; readonly operator: Operator },
): Promise<FleetReport> {
  const { cluster, dryRun } = settings;
  const { name } = input;
  const startedAt = now();
  const id = patchFleetId(cluster, name);
  const workflowId = dryRun ? dryRunId(id, workflowInfo().firstExecutionRunId) : id;
  try {
    return await runChild(operator, 'abort', () =>
      startChild(patchFleet, {
        workflowId,
        args: [input],
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
        staticSummary: `Patching of ${name}`,
      }),
    );
  } catch (error) {
    const report = reportIn<FleetReport>(error, 'hosts');
    if (report !== null) return report;
    const reason =
      error instanceof WorkflowExecutionAlreadyStartedError
        ? `${workflowId} patches it already. Wait for that run, or cancel it; then: caretaker patch ${name}`
        : `${explain(error)} (${workflowId})`;
    return { cluster, name, outcome: 'failed', reason, hosts: [], startedAt, endedAt: now() };
  }
}
