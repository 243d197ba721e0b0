import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timeZoneNamed } from '../../activities/time-zone.ts';
import { WEEKS, type Recurrence } from '../../domain/recurrence.ts';
import { WEEKDAYS } from '../../domain/window.ts';
import { clockTrouble, fallsOn } from '../../planning/recurrence.ts';
import { firstMomentOf, localClock, localTime } from '../../planning/windows.ts';

const DAY = 86_400_000;
const now = Date.parse('2026-11-24T12:00:00Z');

function every(days: Recurrence['days'], time: string, week: Recurrence['week'] = null): Recurrence {
  return { days, week, time };
}

describe('a time at which clocks are set', () => {
  it.each([
    ['Europe/Berlin', '02:30', 'skipped', '2027-03-28'],
    ['Europe/Berlin', '02:00', 'skipped', '2027-03-28'],
    // Before it is skipped in October, it comes twice in April.
    ['Australia/Sydney', '02:30', 'twice', '2027-04-04'],
    ['Australia/Lord_Howe', '02:15', 'skipped', '2027-10-03'],
    ['America/New_York', '01:30', 'twice', '2027-11-07'],
    ['Europe/London', '01:00', 'skipped', '2027-03-28'],
  ])('in %s, Sundays at %s: is %s on %s', (zone, time, kind, date) => {
    expect(clockTrouble(every(['sunday'], time), timeZoneNamed(zone), now)).toEqual({ kind, date });
  });

  it.each([
    ['Europe/Berlin', every(['sunday'], '03:00')],
    ['Australia/Sydney', every(['sunday'], '03:00')],
    ['UTC', every(WEEKDAYS, '02:30')],
    // Clocks of Berlin are set on the last Sunday of a month, never on its first.
    ['Europe/Berlin', every(['sunday'], '02:30', 'first')],
    ['Europe/Berlin', every(['saturday'], '02:30')],
  ])('is none in %s for %o', (zone, recurrence) => {
    expect(clockTrouble(recurrence, timeZoneNamed(zone), now)).toBeNull();
  });

  it('is found by counting the minutes of every day: those that clocks show not once', () => {
    const zones = ['Europe/Berlin', 'Australia/Lord_Howe', 'America/St_Johns', 'Asia/Kolkata', 'America/Santiago'];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 20_781, max: 22_000 }),
        fc.integer({ min: 0, max: 23 }),
        fc.constantFrom('00', '15', '30', '45'),
        (name, day, hour, minute) => {
          const zone = timeZoneNamed(name);
          const time = `${String(hour).padStart(2, '0')}:${minute}`;
          const shown: number[] = [];
          for (let instant = (day - 1) * DAY; instant < (day + 2) * DAY; instant += 900_000) {
            const local = instant + zone.offsetAt(instant);
            if (
              new Date(local).toISOString().slice(0, 16) === `${new Date(day * DAY).toISOString().slice(0, 10)}T${time}`
            )
              shown.push(instant);
          }
          expect(localClock(day, time, zone)).toEqual(shown);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a day of a month', () => {
  it('is the first, second, third or fourth of its weekday once a month, whatever the month begins with', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 600 }),
        fc.constantFrom(...WEEKDAYS),
        fc.constantFrom(...WEEKS),
        (month, weekday, week) => {
          const first = Date.UTC(2000, month, 1) / DAY;
          const next = Date.UTC(2000, month + 1, 1) / DAY;
          const days = Array.from({ length: next - first }, (_, index) => first + index);
          const named = days.filter((day) =>
            localTime(day * DAY, timeZoneNamed('UTC'))
              .toLowerCase()
              .startsWith(weekday),
          );
          expect(days.filter((day) => fallsOn(every([weekday], '03:00', week), day))).toEqual([
            named[WEEKS.indexOf(week)],
          ]);
        },
      ),
    );
  });

  it('is every one of its weekday without a week', () => {
    const monday = Date.parse('2026-11-23T00:00:00Z') / DAY;
    expect([0, 1, 7, 14].map((days) => fallsOn(every(['monday'], '03:00'), monday + days))).toEqual([
      true,
      false,
      true,
      true,
    ]);
  });
});

it('a time that comes once begins at that moment', () => {
  const zone = timeZoneNamed('Europe/Berlin');
  const day = Date.parse('2026-11-29T00:00:00Z') / DAY;
  expect(localClock(day, '03:00', zone)).toEqual([firstMomentOf(day * DAY + 3 * 3_600_000, zone)]);
});
