import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { WatchPowerResult } from '../../../activities/power/watch.ts';
import type { PowerVerdict } from '../../../domain/power.ts';

/** What the guard heard of its watch, and when a task of its run had dealt with it. */
export interface News {
  readonly mains: PowerVerdict['mains'];
  /** Milliseconds since the epoch, by the clock of Temporal. */
  readonly at: number;
}

type Events = NonNullable<Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>['events']>;

/** All news of a guard so far, from the histories of its runs, oldest first. */
export async function newsOf(client: Client, workflowId: string): Promise<News[]> {
  const news: News[] = [];
  const first = await client.workflow.getHandle(workflowId).describe();
  let runId: string | null | undefined = first.raw.workflowExecutionInfo?.firstRunId ?? first.runId;
  while (runId) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    news.push(...newsIn(events ?? []));
    runId = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  }
  return news;
}

function newsIn(events: Events): News[] {
  const news: News[] = [];
  const watches = new Set<string>();
  let heard: PowerVerdict['mains'][] = [];
  for (const { eventId, eventTime, ...event } of events) {
    if (event.activityTaskScheduledEventAttributes?.activityType?.name === 'watchPower') watches.add(String(eventId));
    const completed = event.activityTaskCompletedEventAttributes;
    const [payload] = completed?.result?.payloads ?? [];
    if (payload && watches.has(String(completed?.scheduledEventId))) {
      heard.push(defaultPayloadConverter.fromPayload<WatchPowerResult>(payload).verdict.mains);
    }
    if (event.workflowTaskCompletedEventAttributes && heard.length > 0) {
      const at = Number(eventTime?.seconds) * 1_000 + (eventTime?.nanos ?? 0) / 1_000_000;
      news.push(...heard.map((mains) => ({ mains, at })));
      heard = [];
    }
  }
  return news;
}
