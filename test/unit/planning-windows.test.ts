import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { timeZoneNamed } from '../../activities/time-zone.ts';
import { WEEKDAYS, type MaintenanceWindow, type Weekday } from '../../domain/window.ts';
import { firstMomentOf, mayStart, openings, type TimeZone } from '../../planning/windows.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const berlin = timeZoneNamed('Europe/Berlin');
const sunday = (from: string, to: string): MaintenanceWindow => ({ days: ['sunday'], from, to });
const at = (iso: string) => Date.parse(iso);
const ask = (windows: MaintenanceWindow[], iso: string, needed = 0, zone = berlin) =>
  mayStart(windows, zone, { now: at(iso), needed });

describe('without a window', () => {
  it('work may begin at any time', () => {
    expect(ask([], '2026-11-24T12:00:00Z', 99 * DAY)).toEqual({ start: true, until: null });
  });
});

describe('a window on Sunday from 03:00 to 06:00 in Berlin', () => {
  const windows = [sunday('03:00', '06:00')];

  it.each([
    ['just before it', '2026-11-29T01:59:59.999Z', false],
    ['at its first moment', '2026-11-29T02:00:00Z', true],
    ['at its last moment', '2026-11-29T04:59:59.999Z', true],
    ['at its end', '2026-11-29T05:00:00Z', false],
  ])('%s: may work begin? %s %s', (_, iso, start) => {
    expect(ask(windows, iso).start).toBe(start);
  });

  it('says until when it is open, and when it opens again', () => {
    expect(ask(windows, '2026-11-29T03:00:00Z')).toEqual({ start: true, until: '2026-11-29T05:00:00.000Z' });
    expect(ask(windows, '2026-11-29T05:00:00Z')).toEqual({
      start: false,
      opens: '2026-12-06T02:00:00.000Z',
      opensLocal: 'Sunday 2026-12-06 03:00 (Europe/Berlin)',
      longest: 3 * HOUR,
    });
  });

  it('lets nothing begin that does not fit into what is left of it', () => {
    expect(ask(windows, '2026-11-29T04:30:00Z', 30 * MINUTE).start).toBe(true);
    expect(ask(windows, '2026-11-29T04:30:00.001Z', 30 * MINUTE)).toMatchObject({
      start: false,
      opens: '2026-12-06T02:00:00.000Z',
    });
  });

  it('says that work which is longer than the window never fits', () => {
    expect(ask(windows, '2026-11-29T02:00:00Z', 3 * HOUR + 1)).toEqual({
      start: false,
      opens: null,
      opensLocal: null,
      longest: 3 * HOUR,
    });
  });

  it('is the same local time in summer and in winter', () => {
    expect(ask(windows, '2026-07-18T12:00:00Z')).toMatchObject({ opens: '2026-07-19T01:00:00.000Z' });
    expect(ask(windows, '2026-12-05T12:00:00Z')).toMatchObject({ opens: '2026-12-06T02:00:00.000Z' });
  });
});

describe('a window in the night in which clocks are set', () => {
  it('from 01:00 to 04:00 has two hours in spring and four in autumn', () => {
    const [spring] = openings([sunday('01:00', '04:00')], berlin, at('2026-03-28T12:00:00Z'));
    const [autumn] = openings([sunday('01:00', '04:00')], berlin, at('2026-10-24T12:00:00Z'));
    expect(spring).toEqual({ start: at('2026-03-29T00:00:00Z'), end: at('2026-03-29T02:00:00Z') });
    expect(autumn).toEqual({ start: at('2026-10-24T23:00:00Z'), end: at('2026-10-25T03:00:00Z') });
  });

  it('that lies wholly in the hour which does not exist is left out for that week', () => {
    const [first] = openings([sunday('02:15', '02:45')], berlin, at('2026-03-28T12:00:00Z'));
    expect(first).toEqual({ start: at('2026-04-05T00:15:00Z'), end: at('2026-04-05T00:45:00Z') });
  });

  it('that begins in the hour which does not exist begins when clocks jump', () => {
    const [first] = openings([sunday('02:30', '05:00')], berlin, at('2026-03-28T12:00:00Z'));
    expect(first).toEqual({ start: at('2026-03-29T01:00:00Z'), end: at('2026-03-29T03:00:00Z') });
  });

  it('that ends in the hour which comes twice ends the first time', () => {
    const [first] = openings([sunday('01:00', '02:30')], berlin, at('2026-10-24T12:00:00Z'));
    expect(first).toEqual({ start: at('2026-10-24T23:00:00Z'), end: at('2026-10-25T00:30:00Z') });
  });
});

describe('a window over midnight', () => {
  const windows: MaintenanceWindow[] = [{ days: ['saturday'], from: '22:00', to: '04:00' }];

  it('belongs to the day on which it opens', () => {
    expect(ask(windows, '2026-11-29T02:59:00Z')).toEqual({ start: true, until: '2026-11-29T03:00:00.000Z' });
    expect(ask(windows, '2026-11-29T22:00:00Z').start).toBe(false);
  });

  it('that ends when it begins is open for a whole day', () => {
    const [whole] = openings([sunday('00:00', '00:00')], berlin, at('2026-11-24T12:00:00Z'));
    expect(whole).toEqual({ start: at('2026-11-28T23:00:00Z'), end: at('2026-11-29T23:00:00Z') });
  });
});

describe('several windows', () => {
  it('that touch each other are one, so that long work fits', () => {
    const windows: MaintenanceWindow[] = [
      { days: ['saturday'], from: '22:00', to: '00:00' },
      { days: ['sunday'], from: '00:00', to: '05:00' },
    ];
    expect(ask(windows, '2026-11-28T21:00:00Z', 7 * HOUR)).toEqual({ start: true, until: '2026-11-29T04:00:00.000Z' });
  });

  it('let short work begin in the next and long work in the next that is long enough', () => {
    const windows: MaintenanceWindow[] = [
      { days: ['wednesday'], from: '03:00', to: '04:00' },
      { days: ['sunday'], from: '03:00', to: '06:00' },
    ];
    const tuesday = '2026-11-24T12:00:00Z';
    expect(ask(windows, tuesday, 30 * MINUTE)).toMatchObject({ opens: '2026-11-25T02:00:00.000Z' });
    expect(ask(windows, tuesday, 2 * HOUR)).toMatchObject({ opens: '2026-11-29T02:00:00.000Z' });
  });
});

// Half hours, quarters, half-hour summer time, southern summers, a skipped day, summer time that begins at midnight.
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Europe/London',
  'America/New_York',
  'America/St_Johns',
  'America/Santiago',
  'America/Sao_Paulo',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Asia/Beirut',
  'Africa/Cairo',
  'Africa/Casablanca',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Pacific/Chatham',
  'Pacific/Kiritimati',
].map(timeZoneNamed);

const zones = fc.constantFrom(...ZONES);
const instants = fc.integer({ min: at('2005-01-01T00:00:00Z'), max: at('2035-01-01T00:00:00Z') });
const times = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
const someWindows = fc.array(
  fc.record({ days: fc.subarray<Weekday>([...WEEKDAYS], { minLength: 1 }), from: times, to: times }),
  { minLength: 1, maxLength: 4 },
);

/** What a person who looks at calendar and clock would say, or null in the hours that need a rule. */
function byTheClock(windows: readonly MaintenanceWindow[], zone: TimeZone, instant: number): boolean | null {
  const offsets = [-2 * DAY, -DAY, 0, DAY, 2 * DAY].map((away) => zone.offsetAt(instant + away));
  if (new Set(offsets).size > 1) return null;
  const local = new Date(instant + zone.offsetAt(instant));
  const today = local.getUTCDay();
  const clock = local.toISOString().slice(11, 16);
  return windows.some(({ days, from, to }) => {
    const opensOn = (day: number) => days.some((name) => name === WEEKDAYS[(day + 7) % 7]);
    if (to > from) return opensOn(today) && clock >= from && clock < to;
    return (opensOn(today) && clock >= from) || (opensOn(today - 1) && clock < to);
  });
}

describe('windows in any time zone', () => {
  it('are open exactly when calendar and clock say so', () => {
    fc.assert(
      fc.property(someWindows, zones, instants, (windows, zone, now) => {
        const expected = byTheClock(windows, zone, now);
        fc.pre(expected !== null);
        expect(mayStart(windows, zone, { now, needed: 0 }).start).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('answer with a future moment at which the work may begin, and not before', () => {
    fc.assert(
      fc.property(someWindows, zones, instants, fc.integer({ min: 0, max: 6 * HOUR }), (windows, zone, now, needed) => {
        const answer = mayStart(windows, zone, { now, needed });
        if (answer.start) {
          expect(Date.parse(answer.until ?? '') - now).toBeGreaterThanOrEqual(needed);
          return;
        }
        if (answer.opens === null) return void expect(answer.longest).toBeLessThan(needed);
        const opens = Date.parse(answer.opens);
        expect(opens).toBeGreaterThan(now);
        expect(mayStart(windows, zone, { now: opens, needed }).start).toBe(true);
        expect(mayStart(windows, zone, { now: opens - 1, needed }).start).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('never overlap nor touch, and lie in their order', () => {
    fc.assert(
      fc.property(someWindows, zones, instants, (windows, zone, now) => {
        const all = openings(windows, zone, now);
        expect(all.length).toBeGreaterThan(0);
        for (const [index, { start, end }] of all.entries()) {
          expect(end).toBeGreaterThan(start);
          expect(start).toBeGreaterThan(all[index - 1]?.end ?? -Infinity);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('turn local times into the first moment at which clocks show them or have jumped over them', () => {
    fc.assert(
      fc.property(zones, instants, (zone, instant) => {
        const local = Math.floor((instant + zone.offsetAt(instant)) / MINUTE) * MINUTE;
        const moment = firstMomentOf(local, zone);
        const shown = moment + zone.offsetAt(moment);
        expect(shown).toBeGreaterThanOrEqual(local);
        expect(moment - 1 + zone.offsetAt(moment - 1)).toBeLessThan(local);
        // No earlier moment of the day before shows it either.
        for (let earlier = moment - MINUTE; earlier > moment - 4 * HOUR; earlier -= 10 * MINUTE) {
          expect(earlier + zone.offsetAt(earlier)).toBeLessThan(local);
        }
      }),
      { numRuns: 300 },
    );
  });
});
