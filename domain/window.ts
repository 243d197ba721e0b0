/** Days as the calendar of the policy's time zone has them; the order is that of `Date.getUTCDay()`. */
export const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

export type Weekday = (typeof WEEKDAYS)[number];

/** When nodes may be begun. One that ends at or before its `from` ends on the next day. */
export interface MaintenanceWindow {
  /** Days on which it opens. */
  readonly days: readonly Weekday[];
  /** Local time `HH:MM`, 00:00 to 23:59. */
  readonly from: string;
  readonly to: string;
}

/** Whether work may begin now, and else when. */
export type WindowAnswer =
  | {
      readonly start: true;
      /** ISO 8601; null: always open. */
      readonly until: string | null;
    }
  | {
      readonly start: false;
      /** ISO 8601: when a window opens that is long enough; null: none is. */
      readonly opens: string | null;
      /** `opens` for people: `Sunday 2026-11-29 03:00 (Europe/Berlin)`. */
      readonly opensLocal: string | null;
      /** Milliseconds of the longest window that was found. */
      readonly longest: number;
    };
