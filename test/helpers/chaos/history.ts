import type { RollLab } from '../../../scripts/lib/roll-lab.ts';

/** Mails and looks of the lease come when they like, so they are no part of the course that a roll takes. */
export function isOfRoll(workflowType: string | undefined): boolean {
  return workflowType === 'rollingUpdate' || workflowType === 'updateNode';
}

/** How many activities the rolls of a namespace have scheduled, by Temporal's own record. */
export async function scheduledActivities({ client }: RollLab): Promise<number> {
  let count = 0;
  for await (const { workflowId, runId, type } of client.workflow.list()) {
    if (!isOfRoll(type)) continue;
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    count += (events ?? []).filter((event) => event.activityTaskScheduledEventAttributes).length;
  }
  return count;
}
