import { WEEKS, type Recurrence } from '../domain/recurrence.ts';
import { localClock, weekdayOf, type TimeZone } from './windows.ts';

const DAY = 86_400_000;

/** Clocks are set by rules that come back every year; three of them meet every rule with every weekday that it knows. */
const YEARS_AHEAD = 3;

/** What a change of clocks does to a time. */
export interface ClockTrouble {
  /** `skipped`: clocks jump over it, so it does not come that day. `twice`: clocks are set back over it. */
  readonly kind: 'skipped' | 'twice';
  /** Local date, `2027-03-28`. */
  readonly date: string;
}

/** The first day within three years on which a change of clocks takes the time away or brings it twice; null: none. */
export function clockTrouble(recurrence: Recurrence, zone: TimeZone, now: number): ClockTrouble | null {
  const today = Math.floor((now + zone.offsetAt(now)) / DAY);
  for (let day = today; day <= today + YEARS_AHEAD * 366; day++) {
    if (!fallsOn(recurrence, day)) continue;
    const { length } = localClock(day, recurrence.time, zone);
    if (length !== 1) return { kind: length === 0 ? 'skipped' : 'twice', date: isoDate(day) };
  }
  return null;
}

/** Whether the time comes on a day, counted from 1 January 1970. */
export function fallsOn({ days, week }: Recurrence, day: number): boolean {
  if (!days.includes(weekdayOf(day))) return false;
  if (week === null) return true;
  const dayOfMonth = new Date(day * DAY).getUTCDate();
  return Math.ceil(dayOfMonth / 7) === WEEKS.indexOf(week) + 1;
}

function isoDate(day: number): string {
  return new Date(day * DAY).toISOString().slice(0, 10);
}
