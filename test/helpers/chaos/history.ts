import type { RollLab } from '../../../scripts/lib/roll-lab.ts';

/** How many activities all runs of a namespace have scheduled, by Temporal's own record. */
export async function scheduledActivities({ client }: RollLab): Promise<number> {
  let count = 0;
  for await (const { workflowId, runId } of client.workflow.list()) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    count += (events ?? []).filter((event) => event.activityTaskScheduledEventAttributes).length;
  }
  return count;
}
