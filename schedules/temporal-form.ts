import { isDeepStrictEqual } from 'node:util';
import {
  ScheduleOverlapPolicy,
  type CalendarSpecDescription,
  type ScheduleDescription,
  type ScheduleOptions,
} from '@temporalio/client';
import { toMilliseconds } from '../domain/duration.ts';
import { WEEKS, type Recurrence } from '../domain/recurrence.ts';
import { TaskQueue } from '../domain/task-queues.ts';
import type { ScheduleDefinition } from './catalog.ts';

/** Key of a schedule's memo that tells whose it is; its value is the name of the cluster. */
export const OWNER = 'caretaker';

/** What a person may change by hand in Temporal, in the words in which a difference is told. */
interface Form {
  readonly when: unknown;
  readonly 'time zone': string;
  readonly 'what it starts': unknown;
  readonly 'catch-up': number;
  readonly overlap: ScheduleOverlapPolicy | undefined;
  readonly 'pause on failure': boolean;
}

/** For `client.schedule.create`, and without id and memo for an update. */
export function optionsOf(definition: ScheduleDefinition, cluster: string) {
  return {
    scheduleId: definition.id,
    memo: { [OWNER]: cluster },
    spec: { calendars: [calendarOf(definition.recurrence)], timezone: definition.timeZone },
    action: {
      type: 'startWorkflow',
      workflowType: definition.workflowType,
      workflowId: definition.workflowId,
      taskQueue: TaskQueue.maintenance,
      args: [...definition.args],
      staticSummary: definition.note,
    },
    policies: {
      // The last one still runs, or waits for a person: a second one would only wait behind it.
      overlap: ScheduleOverlapPolicy.SKIP,
      // Temporal's default is a year: what was missed would start at any hour when the machine comes back.
      catchupWindow: definition.catchUp,
      pauseOnFailure: definition.pauseOnFailure,
    },
  } satisfies ScheduleOptions;
}

/** Whether the schedule was made by Caretaker for this cluster. */
export function isOurs({ memo }: Pick<ScheduleDescription, 'memo'>, cluster: string): boolean {
  return memo?.[OWNER] === cluster;
}

/** In what the schedule in Temporal is not as it is defined, in words; empty when it is. */
export function differences(definition: ScheduleDefinition, actual: ScheduleDescription): string[] {
  const wanted = formOf(definition);
  const found = formIn(actual);
  return (Object.keys(wanted) as (keyof Form)[]).filter((key) => !isDeepStrictEqual(wanted[key], found[key]));
}

function formOf(definition: ScheduleDefinition): Form {
  const { workflowType, workflowId, args, timeZone, catchUp, pauseOnFailure, recurrence } = definition;
  return {
    when: { calendars: [calendarOf(recurrence)], others: 0 },
    'time zone': timeZone,
    'what it starts': { workflowType, workflowId, taskQueue: TaskQueue.maintenance, args },
    'catch-up': toMilliseconds(catchUp),
    overlap: ScheduleOverlapPolicy.SKIP,
    'pause on failure': pauseOnFailure,
  };
}

function formIn({ spec, action, policies }: ScheduleDescription): Form {
  const { workflowType, workflowId, taskQueue, args } = action;
  const others = [spec.intervals?.length, spec.skip?.length, spec.startAt, spec.endAt, spec.jitter].filter(Boolean);
  return {
    when: { calendars: spec.calendars, others: others.length },
    'time zone': spec.timezone ?? '',
    'what it starts': { workflowType, workflowId, taskQueue, args: args ?? [] },
    'catch-up': policies.catchupWindow,
    overlap: policies.overlap,
    'pause on failure': policies.pauseOnFailure,
  };
}

/** A calendar as Temporal gives it back, so that the two can be compared. */
function calendarOf({ days, week, time }: Recurrence): CalendarSpecDescription {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  const first = week === null ? 1 : WEEKS.indexOf(week) * 7 + 1;
  const last = week === null ? 31 : first + 6;
  const only = <T>(value: T) => [{ start: value, end: value, step: 1 }];
  return {
    second: only(0),
    minute: only(minutes),
    hour: only(hours),
    // Unlike cron, both have to hold: days 1 to 7 and a Saturday is the first Saturday.
    dayOfMonth: [{ start: first, end: last, step: 1 }],
    month: [{ start: 'JANUARY', end: 'DECEMBER', step: 1 }],
    year: [],
    dayOfWeek: days.flatMap((day) => only(day.toUpperCase() as 'SUNDAY')),
    comment: '',
  };
}
