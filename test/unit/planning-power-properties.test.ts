import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PowerRules, PowerSample, PowerWatch } from '../../domain/power.ts';
import { isAtLeast, NEW_WATCH, observe, verdictOf } from '../../planning/power-watch.ts';
import { DEFAULT_RULES } from '../helpers/power-builders.ts';
import { NO_ANSWER, OUR_MISTAKE, readingOf, WatchedUps } from '../helpers/watched-ups.ts';

const STATUSES = ['OL', 'OL CHRG', 'OL LB', 'OB', 'OB DISCHRG', 'OB LB', 'FSD OL', 'FSD OB', 'FSD WAIT', 'WAIT', ''];
const QUIET = ['OL', 'OL CHRG', 'OL LB', 'OL DISCHRG', 'OL RB', 'WAIT', 'OFF', 'BYPASS', ''];

/** Mostly once a second; sometimes nobody looks for long. */
const someTime = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 900, max: 4_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3_600_000 }) },
);

function samples(statuses: readonly string[], silence = [NO_ANSWER, OUR_MISTAKE]): fc.Arbitrary<PowerSample[]> {
  const answer = fc
    .record({
      status: fc.constantFrom(...statuses),
      charge: fc.constantFrom('100', '55', '20', undefined),
      runtime: fc.constantFrom('1500', '500', '100', '0', 'N/A'),
    })
    .map(({ status, charge, runtime }) => ({
      reading: readingOf(status, { 'battery.charge': charge, 'battery.runtime': runtime }),
      trouble: null,
    }));
  const none = fc.constantFrom(...silence).map((trouble) => ({ reading: null, trouble }));
  const said = fc.oneof({ weight: 4, arbitrary: answer }, { weight: 1, arbitrary: none });
  // States last, or no phase would ever begin.
  const stretch = fc.record({ said, times: fc.integer({ min: 1, max: 30 }), sinceLast: someTime });
  return fc
    .array(stretch, { minLength: 1, maxLength: 16 })
    .map((stretches) =>
      stretches.flatMap(({ said, times, sinceLast }) => Array.from({ length: times }, () => ({ ...said, sinceLast }))),
    );
}

const rules = fc
  .record({
    fsdOnMains: fc.constantFrom('act' as const, 'warn' as const),
    onlineDischarge: fc.constantFrom('online' as const, 'on-battery' as const),
    confirm: fc.constantFrom(0, 10),
    stabilization: fc.constantFrom(0, 30),
    holdDown: fc.constantFrom(0, 60),
  })
  .map((some) => ({ ...DEFAULT_RULES, ...some }));

function fold(all: readonly PowerSample[], by: PowerRules, from: PowerWatch = NEW_WATCH): PowerWatch[] {
  const states: PowerWatch[] = [from];
  for (const sample of all) states.push(observe(states.at(-1) ?? from, sample, by));
  return states;
}

const RUNS = { numRuns: 200 };

describe('whatever a UPS says', () => {
  it('the phases of an outage only rise, and its time on battery never shrinks', () => {
    fc.assert(
      fc.property(samples(STATUSES), rules, (all, by) => {
        const states = fold(all, by);
        states.slice(1).forEach((now, index) => {
          const before = states[index] ?? NEW_WATCH;
          expect(isAtLeast(now.byTime, before.byTime)).toBe(true);
          expect(isAtLeast(now.byNeed, before.byNeed)).toBe(true);
          if (before.outage) expect(now.outage).toBe(true);
          if (before.outage) expect(now.onBattery).toBeGreaterThanOrEqual(before.onBattery);
        });
      }),
      RUNS,
    );
  });

  it('time on battery is never more than has passed since the first look that said so', () => {
    fc.assert(
      fc.property(samples(STATUSES), rules, (all, by) => {
        let passed = 0;
        fold(all, by)
          .slice(1)
          .forEach((now, index) => {
            passed += index === 0 ? 0 : (all[index]?.sinceLast ?? 0);
            expect(now.onBattery).toBeLessThanOrEqual(passed);
            expect(now.onMains + now.onBattery).toBeLessThanOrEqual(passed);
          });
      }),
      RUNS,
    );
  });

  it('a phase begins only while it is on battery, as far as anybody knows, or ordered to', () => {
    fc.assert(
      fc.property(samples(STATUSES), rules, (all, by) => {
        const states = fold(all, by);
        states.slice(1).forEach((now, index) => {
          const before = states[index] ?? NEW_WATCH;
          if (now.byTime !== before.byTime) expect(now.lastSeenOnBattery).toBe(true);
          if (now.byNeed !== before.byNeed) expect(now.lastSeenOnBattery || now.class === 'fsd').toBe(true);
        });
      }),
      RUNS,
    );
  });

  it('on mains, silent or unreachable by our mistake, no phase ever begins', () => {
    fc.assert(
      fc.property(samples(QUIET), rules, (all, by) => {
        const last = fold(all, { ...by, onlineDischarge: 'online' }).at(-1) ?? NEW_WATCH;
        expect(last).toMatchObject({ byTime: 'normal', byNeed: 'normal', outage: false, onBattery: 0, blind: false });
      }),
      RUNS,
    );
  });

  it('the order of its words changes nothing', () => {
    fc.assert(
      fc.property(
        samples(['FSD OB LB', 'OB LB DISCHRG', 'OL CHRG LB', 'OL FSD', 'OL DISCHRG', 'OB']),
        rules,
        (all, by) => {
          const turned = all.map((sample) => {
            if (sample.reading === null) return sample;
            const { status, ...rest } = sample.reading;
            return { ...sample, reading: { ...rest, status: status.toReversed() } };
          });
          const [one, other] = [all, turned].map((each) => fold(each, by).map((watch) => verdictOf(watch, by)));
          expect(other).toEqual(one);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('the same looks come to the same, also when the watch is handed on as text in between', () => {
    fc.assert(
      fc.property(samples(STATUSES), rules, fc.nat(), (all, by, cut) => {
        const at = cut % (all.length + 1);
        const handed = JSON.parse(JSON.stringify(fold(all.slice(0, at), by).at(-1))) as PowerWatch;
        const [one, other] = [fold(all, by).at(-1), fold(all.slice(at), by, handed).at(-1)];
        expect(other).toEqual(one);
      }),
      { numRuns: 100 },
    );
  });

  it('a look more in between counts the same time', () => {
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(samples(STATUSES, [NO_ANSWER]), rules, fc.nat(), part, (all, by, at, share) => {
        const index = at % all.length;
        const sample = all[index];
        fc.pre(sample !== undefined && sample.sinceLast <= 4_000);
        const before = fold(all.slice(0, index), by).at(-1) ?? NEW_WATCH;
        const first = Math.round(sample.sinceLast * share);
        const halves = [first, sample.sinceLast - first].map((sinceLast) => ({ ...sample, sinceLast }));
        const once = observe(before, sample, by);
        const twice = fold(halves, by, before).at(-1) ?? NEW_WATCH;
        // What the look in between finds changed, or answered again, it finds earlier than the one after it.
        const isNews = once.lastSeenOnBattery !== before.lastSeenOnBattery || before.class === 'unknown';
        const slack = isNews ? sample.sinceLast : 0;
        for (const counter of ['onBattery', 'onMains', 'sinceTransfer', 'sinceSteady'] as const) {
          const same = before.silent + sample.sinceLast < 15_000 || counter !== 'onMains';
          if (same) expect(Math.abs(twice[counter] - once[counter])).toBeLessThanOrEqual(slack);
        }
        expect(twice.silent).toBe(once.silent);
      }),
      RUNS,
    );
  });

  it('what it remembers is bounded', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 20_000 });
    expect(ups.watch.discharge).toHaveLength(120);
    expect(JSON.stringify(ups.watch).length).toBeLessThan(12_000);
    expect(JSON.stringify(WatchedUps.onMains().says('OL', { times: 86_400 }).watch).length).toBeLessThan(1_500);
  });
});
