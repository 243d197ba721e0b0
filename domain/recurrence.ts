import type { Weekday } from './window.ts';

export const WEEKS = ['first', 'second', 'third', 'fourth'] as const;

/** A time that comes again and again, by local clocks. */
export interface Recurrence {
  /** In the order of the week, Sunday first; never empty. */
  readonly days: readonly Weekday[];
  /** Which of these days of a month; null: each of them, every week. */
  readonly week: (typeof WEEKS)[number] | null;
  /** Local time `HH:MM`, 00:00 to 23:59. */
  readonly time: string;
}
