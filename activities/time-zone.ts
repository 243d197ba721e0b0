import type { TimeZone } from '../planning/windows.ts';

/**
 * A time zone by its IANA name, from the tz data that Node.js brings along.
 *
 * @throws {RangeError} for a name that it does not know.
 */
export function timeZoneNamed(name: string): TimeZone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return {
    name,
    offsetAt(instant) {
      const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
      const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
      const local = Date.UTC(year, month - 1, day, hour, minute, second);
      return local - Math.floor(instant / 1_000) * 1_000;
    },
  };
}
