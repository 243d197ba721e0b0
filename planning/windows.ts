import { WEEKDAYS, type MaintenanceWindow, type WindowAnswer } from '../domain/window.ts';

/** What has to be known of a time zone. The data behind it changes from year to year, so it is handed in. */
export interface TimeZone {
  readonly name: string;
  /** Milliseconds that local clocks are ahead of UTC at `instant` (milliseconds since the epoch). */
  offsetAt(instant: number): number;
}

/** A time during which work may begin; milliseconds since the epoch, `end` excluded. */
export interface Opening {
  readonly start: number;
  readonly end: number;
}

const DAY = 86_400_000;

/** Two weeks: a window that falls into the hour that clocks skip is there again a week later. */
const HORIZON_DAYS = 15;

/**
 * Whether work of `needed` milliseconds may begin at `now`: it has to be over before the window ends. Windows that touch
 * or overlap are one. Without windows the answer is always yes.
 */
export function mayStart(
  windows: readonly MaintenanceWindow[],
  zone: TimeZone,
  { now, needed }: { readonly now: number; readonly needed: number },
): WindowAnswer {
  if (windows.length === 0) return { start: true, until: null };
  const ahead = openings(windows, zone, now);
  const fitting = ahead.find(({ start, end }) => end - Math.max(start, now) >= needed);
  if (fitting !== undefined && fitting.start <= now) return { start: true, until: isoTime(fitting.end) };
  return {
    start: false,
    opens: fitting ? isoTime(fitting.start) : null,
    opensLocal: fitting ? localTime(fitting.start, zone) : null,
    longest: Math.max(0, ...ahead.map(({ start, end }) => end - start)),
  };
}

/** The present opening and those of the next two weeks, in their order; none touches the next. */
export function openings(windows: readonly MaintenanceWindow[], zone: TimeZone, now: number): Opening[] {
  const today = Math.floor((now + zone.offsetAt(now)) / DAY);
  const found: Opening[] = [];
  // From two days ago: a window of yesterday may reach into today, and clocks may have been set in between.
  for (let day = today - 2; day <= today + HORIZON_DAYS; day++) {
    for (const window of windows) {
      if (!window.days.some((name) => name === weekdayOf(day))) continue;
      const from = minutesOf(window.from);
      const to = minutesOf(window.to);
      const start = firstMomentOf(day * DAY + from * 60_000, zone);
      const end = firstMomentOf((to <= from ? day + 1 : day) * DAY + to * 60_000, zone);
      if (end > start) found.push({ start, end });
    }
  }
  return merge(found).filter(({ end }) => end > now);
}

/**
 * The first moment at which local clocks show `local` (milliseconds since the epoch, read as if local were UTC) or have
 * jumped over it. A time that comes twice, when clocks are set back, is the first of the two.
 */
export function firstMomentOf(local: number, zone: TimeZone): number {
  const [exact] = momentsOf(local, zone);
  if (exact !== undefined) return exact;

  // Local clocks never show it: the moment at which they jump over it.
  let [early, late] = [local - zone.offsetAt(local + DAY), local - zone.offsetAt(local - DAY)];
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (middle + zone.offsetAt(middle) >= local) late = middle;
    else early = middle;
  }
  return late;
}

/** The moments at which local clocks show a time `HH:MM` on a day, counted from 1 January 1970: one, none or two. */
export function localClock(day: number, time: string, zone: TimeZone): number[] {
  return momentsOf(day * DAY + minutesOf(time) * 60_000, zone);
}

function momentsOf(local: number, zone: TimeZone): number[] {
  // No zone is further than a day from UTC, and no two changes of clocks are as near to each other as these two.
  const offsets = new Set([zone.offsetAt(local - DAY), zone.offsetAt(local + DAY)]);
  return [...offsets]
    .map((offset) => local - offset)
    .filter((instant) => instant + zone.offsetAt(instant) === local)
    .sort((a, b) => a - b);
}

/** `Sunday 2026-11-29 03:00 (Europe/Berlin)`. */
export function localTime(instant: number, zone: TimeZone): string {
  const local = instant + zone.offsetAt(instant);
  const weekday = weekdayOf(Math.floor(local / DAY));
  const [date = '', time = ''] = isoTime(local).split('T');
  return `${weekday.charAt(0).toUpperCase()}${weekday.slice(1)} ${date} ${time.slice(0, 5)} (${zone.name})`;
}

function merge(found: readonly Opening[]): Opening[] {
  const merged: Opening[] = [];
  for (const next of [...found].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last === undefined || next.start > last.end) merged.push(next);
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, next.end) };
  }
  return merged;
}

/** Day 0 is 1 January 1970, a Thursday. */
export function weekdayOf(day: number): (typeof WEEKDAYS)[number] {
  return WEEKDAYS[(((day + 4) % 7) + 7) % 7] ?? 'sunday';
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

function isoTime(instant: number): string {
  return new Date(instant).toISOString();
}
