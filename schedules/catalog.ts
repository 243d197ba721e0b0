import type { ScheduleConfig, SchedulesConfig } from '../config/schedules-schema.ts';
import { parseRecurrence } from '../config/recurrence.ts';
import type { Duration } from '../domain/duration.ts';
import { rollingUpdateId, scheduledPlanId, weeklyUpdatesId } from '../domain/ids.ts';
import type { PolicyOverrides } from '../domain/policy.ts';
import type { Recurrence } from '../domain/recurrence.ts';
import type * as workflows from '../workflows/index.ts';

/** What can be scheduled, by the names that people use. */
export const SCHEDULE_NAMES = ['node-plan', 'node-update', 'weekly-updates'] as const;

export type ScheduleName = (typeof SCHEDULE_NAMES)[number];

/** One line of the crontab. */
export interface ScheduleDefinition {
  readonly name: ScheduleName;
  /** Of the schedule in Temporal. */
  readonly id: string;
  /** What it is for, for people. */
  readonly note: string;
  readonly recurrence: Recurrence;
  /** IANA name. */
  readonly timeZone: string;
  readonly catchUp: Duration;
  readonly pauseOnFailure: boolean;
  readonly workflowType: keyof typeof workflows;
  /** Temporal appends the time of each start. */
  readonly workflowId: string;
  readonly args: readonly PolicyOverrides[];
}

/** The schedules that the configuration asks for. */
export function schedulesOf(config: {
  readonly cluster: { readonly name: string };
  readonly schedules?: SchedulesConfig;
}): ScheduleDefinition[] {
  const { schedules } = config;
  if (schedules === undefined) return [];
  const cluster = config.cluster.name;
  const { timeZone, nodePlan, nodeUpdate, weeklyUpdates } = schedules;
  const common = (name: ScheduleName, { at, catchUp, pauseOnFailure }: ScheduleConfig) => {
    const recurrence = parseRecurrence(at);
    // The schema has let nothing else pass.
    if (recurrence === null) throw new RangeError(`${name}: '${at}' is no recurring time`);
    return { name, id: scheduleId(name, cluster), recurrence, timeZone, catchUp, pauseOnFailure };
  };
  return [
    ...(nodePlan
      ? [
          {
            ...common('node-plan', nodePlan),
            note: 'plans a rolling update and mails the plan',
            workflowType: 'rollingUpdate' as const,
            workflowId: scheduledPlanId(cluster),
            args: [{ dryRun: true }],
          },
        ]
      : []),
    ...(nodeUpdate
      ? [
          {
            ...common('node-update', nodeUpdate),
            note: 'updates the nodes one after the other',
            workflowType: 'rollingUpdate' as const,
            workflowId: rollingUpdateId(cluster),
            args: [],
          },
        ]
      : []),
    ...(weeklyUpdates
      ? [
          {
            ...common('weekly-updates', weeklyUpdates),
            note: 'patches the hosts, group by group',
            workflowType: 'weeklyUpdates' as const,
            workflowId: weeklyUpdatesId(cluster),
            args: [],
          },
        ]
      : []),
  ];
}

export function scheduleId(name: ScheduleName, cluster: string): string {
  return `${name}/${cluster}`;
}
