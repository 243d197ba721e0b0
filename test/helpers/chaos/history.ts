import type { RollLab } from '../../../scripts/lib/roll-lab.ts';

const COURSE: ReadonlySet<string | undefined> = new Set([
  'rollingUpdate',
  'updateNode',
  'powerGuard',
  'powerOutage',
  'powerRestore',
]);

/** Mails and looks of the lease come when they like, so they are no part of the course that a roll or an outage takes. */
export function isOfCourse(workflowType: string | undefined): boolean {
  return COURSE.has(workflowType);
}

/** How many activities the course in a namespace has scheduled, by Temporal's own record. */
export async function scheduledActivities({ client }: RollLab): Promise<number> {
  let count = 0;
  for await (const { workflowId, runId, type } of client.workflow.list()) {
    if (!isOfCourse(type)) continue;
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    count += (events ?? []).filter((event) => event.activityTaskScheduledEventAttributes).length;
  }
  return count;
}
