import { WEEKS, type Recurrence } from '../domain/recurrence.ts';
import { WEEKDAYS } from '../domain/window.ts';

/**
 * Reads `sunday 03:00`, `monday, thursday 04:30`, `first saturday 09:00` or `daily 05:00`; null for anything else.
 */
export function parseRecurrence(text: string): Recurrence | null {
  const match = /^(?:(?<week>[a-z]+)\s+)??(?<days>[a-z]+(?:\s*,\s*[a-z]+)*)\s+(?<time>(?:[01]\d|2[0-3]):[0-5]\d)$/.exec(
    text.trim().toLowerCase(),
  );
  const { week: wantedWeek, days: wantedDays = '', time = '' } = match?.groups ?? {};
  const week = WEEKS.find((each) => each === wantedWeek) ?? null;
  if (match === null || (week === null && wantedWeek !== undefined)) return null;
  const names = wantedDays.split(/\s*,\s*/);
  if (names.length === 1 && names[0] === 'daily' && week === null) return { days: WEEKDAYS, week, time };
  if (!names.every((name) => WEEKDAYS.some((day) => day === name))) return null;
  return { days: WEEKDAYS.filter((day) => names.includes(day)), week, time };
}

/** The same as a text that {@link parseRecurrence} reads. */
export function describeRecurrence({ days, week, time }: Recurrence): string {
  if (week === null && days.length === WEEKDAYS.length) return `daily ${time}`;
  return `${week === null ? '' : `${week} `}${days.join(', ')} ${time}`;
}
