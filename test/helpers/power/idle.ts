import type { WorkflowExecutionDescription } from '@temporalio/client';

/** Nothing is under way inside Temporal for this run; its activities may be at work. */
export function isIdle({ raw }: WorkflowExecutionDescription, closed: readonly string[]): boolean {
  const { pendingWorkflowTask, pendingChildren, pendingActivities } = raw;
  if (pendingWorkflowTask) return false;
  // A child that has not begun, or whose end its parent has not heard of.
  if ((pendingChildren ?? []).some(({ runId, workflowId }) => !runId || closed.includes(workflowId ?? '')))
    return false;
  // The watch is about to come back.
  return !(pendingActivities ?? []).some(
    ({ activityType, state }) => activityType?.name === 'watchPower' && Number(state) === CANCEL_REQUESTED,
  );
}

/** `temporal.api.enums.v1.PendingActivityState` */
const CANCEL_REQUESTED = 3;
