import { z } from 'zod';
import { duration, recurrence, timeZone } from './formats.ts';

function scheduleSchema(defaults: { readonly at: string; readonly pauseOnFailure: boolean }) {
  return z.strictObject({
    at: recurrence.default(defaults.at).describe('When it starts, by the clocks of `schedules.timeZone`.'),
    catchUp: duration
      .default('1 hour')
      .describe(
        'How late it may still start when Temporal was away at its time. One that was missed by more is left out, and the next one comes at its time.',
      ),
    pauseOnFailure: z
      .boolean()
      .default(defaults.pauseOnFailure)
      .describe(
        'Whether a run that fails holds the next ones until a person has looked: `caretaker schedules resume`.',
      ),
  });
}

export const schedulesSchema = z.strictObject({
  timeZone: timeZone.describe('Time zone of all schedules by its IANA name, such as Europe/Berlin.'),
  nodePlan: scheduleSchema({ at: 'first saturday 09:00', pauseOnFailure: false })
    .exactOptional()
    .describe('Plans a rolling update and mails the plan, so that a person thinks of it. Touches nothing.'),
  nodeUpdate: scheduleSchema({ at: 'first saturday 03:00', pauseOnFailure: true })
    .exactOptional()
    .describe(
      'Updates the nodes with nobody at the keyboard, by the policy of `rollingUpdate`. Only for those who want that.',
    ),
  weeklyUpdates: scheduleSchema({ at: 'sunday 03:00', pauseOnFailure: false })
    .exactOptional()
    .describe('Patches the groups of `patching.weekly`, one after the other, and mails one report.'),
});

export type SchedulesConfig = z.output<typeof schedulesSchema>;
export type ScheduleConfig = NonNullable<SchedulesConfig['nodePlan']>;
