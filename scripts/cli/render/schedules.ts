import { describeRecurrence } from '../../../config/recurrence.ts';
import { localTime } from '../../../planning/windows.ts';
import type { ScheduleDefinition } from '../../../schedules/catalog.ts';
import type { Change } from '../../../schedules/reconcile.ts';
import { timeZoneNamed } from '../../../activities/time-zone.ts';
import { createStyle, DEFAULT_WIDTH, type RenderOptions, type Style } from './style.ts';
import { renderTable } from './table.ts';
import { count } from './words.ts';

/** A schedule in Temporal, for people and for JSON. */
export interface ScheduleEntry {
  readonly name: string;
  readonly id: string;
  /** As the configuration says it; null when it is not wanted there any more. */
  readonly when: string | null;
  /** Temporal has it otherwise: it was not applied yet, or was changed by hand. */
  readonly applied: boolean;
  readonly timeZone: string;
  readonly paused: boolean;
  /** Why it is paused, or what was said last. */
  readonly note: string | null;
  /** ISO 8601; null: it will not start. */
  readonly next: string | null;
  /** ISO 8601 and outcome of the last run. */
  readonly last: { readonly startedAt: string; readonly outcome: string } | null;
  /** Starts that came too late, or while the last one still ran. */
  readonly missed: number;
  readonly skipped: number;
}

export function renderSchedules(entries: readonly ScheduleEntry[], options: RenderOptions = {}): string {
  const style = createStyle(options.color);
  const columns = [
    { title: 'Schedule' },
    { title: 'When' },
    { title: 'Next' },
    { title: 'Last (UTC)' },
    { title: 'State', flexible: true },
  ];
  const rows = entries.map((entry) => [
    style.strong(entry.name),
    entry.when === null ? 'not in the configuration' : `${entry.when}${entry.applied ? '' : ' (not applied)'}`,
    entry.next === null ? '–' : localTime(Date.parse(entry.next), timeZoneNamed(entry.timeZone)),
    entry.last === null ? '–' : `${entry.last.startedAt.slice(0, 16).replace('T', ' ')} ${entry.last.outcome}`,
    describeState(entry, style),
  ]);
  return renderTable(columns, rows, { width: options.width ?? DEFAULT_WIDTH, style });
}

function describeState({ paused, note, missed, skipped }: ScheduleEntry, style: Style): string {
  return [
    paused ? style.caution(`paused${note ? `: ${note}` : ''}`) : style.good('on'),
    ...(missed > 0 ? [`${count(missed, 'start')} missed`] : []),
    ...(skipped > 0 ? [`${count(skipped, 'start')} left out, the last run was not over`] : []),
  ].join('; ');
}

/** A line a change. @param done Whether they were made, or would be. */
export function renderChanges(
  changes: readonly Change[],
  done: boolean,
  { color }: RenderOptions = {},
  whyRemoved = 'the configuration does not name it',
): string {
  const style = createStyle(color);
  return changes.map((change) => renderChange(change, { done, style, whyRemoved })).join('\n');
}

interface Telling {
  readonly done: boolean;
  readonly style: Style;
  readonly whyRemoved: string;
}

function renderChange(change: Change, { done, style, whyRemoved }: Telling): string {
  switch (change.kind) {
    case 'create':
      return `${style.good('+')} ${change.definition.name} ${done ? 'was made' : 'would be made'}: ${describe(change.definition)}`;
    case 'update':
      return `${style.caution('~')} ${change.definition.name} ${done ? 'was changed' : 'would be changed'} (${change.fields.join(', ')}): ${describe(change.definition)}`;
    case 'keep':
      return `  ${change.definition.name} is as it should be: ${describe(change.definition)}`;
    case 'remove':
      return `${style.bad('-')} ${change.name} ${done ? 'was removed' : 'would be removed'}: ${whyRemoved}`;
    case 'foreign':
      return `${style.bad('!')} ${change.definition.name}: the schedule ${change.definition.id} is not Caretaker's and is left alone`;
  }
}

function describe({ note, recurrence, timeZone }: ScheduleDefinition): string {
  return `${describeRecurrence(recurrence)} (${timeZone}), ${note}`;
}
