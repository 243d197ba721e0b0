import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DischargePoint } from '../../domain/power.ts';
import { dischargeOf } from '../../planning/discharge.ts';

/** Points every half minute, as the watch notes them. */
function every30(charges: readonly (number | null)[], more: Partial<DischargePoint> = {}): DischargePoint[] {
  return charges.map((charge, index) => ({ at: 30 * index, charge, runtime: null, load: null, ...more }));
}

/** Or why there is none. */
function model(points: readonly DischargePoint[]) {
  const found = dischargeOf(points);
  if ('tooLittle' in found) throw new Error(found.tooLittle);
  return found;
}

describe('what an outage has shown of the battery', () => {
  it('is its rate, how long it would last from full, the mean load, and what the UPS had promised', () => {
    const points = every30([80, 79, 78, 77, 76]).map((point, index) => ({
      ...point,
      load: 20 + index,
      runtime: 2_400 - 60 * index,
    }));
    expect(model(points)).toEqual({
      percentPerMinute: 2,
      minutesFromFull: 50,
      load: 22,
      promisedFromFull: 50,
      seenFrom: 80,
      seenTo: 76,
      seconds: 120,
    });
  });

  it('is close to what it was, though the UPS counts in whole percent', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 8, noNaN: true }), fc.integer({ min: 90, max: 100 }), (rate, full) => {
        const points = every30(Array.from({ length: 20 }, (_, index) => Math.round(full - (rate * index) / 2)));
        expect(Math.abs(model(points).percentPerMinute - rate)).toBeLessThan(0.15 * rate);
      }),
    );
  });

  it.each([4, 5, 12])('is not spoiled by a jump at the transfer, of %i points', (amount) => {
    const steady = Array.from({ length: amount - 1 }, (_, index) => 70 - index);
    const points = every30([100, ...steady]).map((point) => ({ ...point, at: 2 * point.at }));
    expect(model(points).percentPerMinute).toBeCloseTo(1);
  });

  it('is that of the longest discharge, where the battery was charged in between', () => {
    const points = every30([100, 90, 80, 95, 94, 93, 92, 91, 90, 89]);
    expect(model(points)).toMatchObject({ percentPerMinute: 2, seenFrom: 95, seenTo: 89, seconds: 180 });
  });

  it('leaves out looks at which the UPS told no charge', () => {
    expect(model(every30([90, null, 88, null, 86, 85]))).toMatchObject({ percentPerMinute: 2, seenFrom: 90 });
  });

  it('does not take a runtime of 0 for a promise: that is a UPS which has not measured yet', () => {
    const points = every30([100, 99, 98, 97, 96]);
    expect(model(every30([100, 99, 98, 97, 96], { runtime: 0 })).promisedFromFull).toBeNull();
    expect(
      model(points.map((point, index) => ({ ...point, runtime: index === 0 ? 0 : 3_000 }))).promisedFromFull,
    ).toBeCloseTo(3_000 / 60 / 0.99);
  });

  it('knows no load and no promise where the UPS tells none', () => {
    expect(model(every30([100, 99, 98, 97, 96]))).toMatchObject({ load: null, promisedFromFull: null });
  });
});

describe('nothing is told of a battery', () => {
  it.each([
    ['without points', [], 'the UPS reported no charge'],
    ['without a charge', every30([null, null, null, null, null]), 'the UPS reported no charge'],
    ['of three points', every30([100, 90, 80]), 'not enough points for a model (3 points in 60 s, 20 % less charge)'],
    [
      'of less than two minutes',
      every30([100, 95, 90, 85]),
      'not enough points for a model (4 points in 90 s, 15 % less charge)',
    ],
    [
      'that has lost two percent',
      every30([100, 99, 99, 98, 98]),
      'not enough points for a model (5 points in 120 s, 2 % less charge)',
    ],
    ['that jumps once and stands still', every30([100, 80, 80, 80, 80, 80]), 'the charge did not fall steadily'],
    [
      'that is charged',
      every30([50, 51, 52, 53, 54, 55]),
      'not enough points for a model (6 points in 150 s, 0 % less charge)',
    ],
  ])('%s', (_, points, tooLittle) => {
    expect(dischargeOf(points)).toEqual({ tooLittle });
  });

  it('that is no number, whatever the points are', () => {
    const percent = fc.option(fc.integer({ min: 0, max: 100 }));
    const point = fc.record({
      step: fc.integer({ min: 0, max: 600 }),
      charge: percent,
      runtime: fc.option(fc.nat(9_000)),
      load: percent,
    });
    fc.assert(
      fc.property(fc.array(point, { maxLength: 40 }), (steps) => {
        let at = 0;
        const found = dischargeOf(steps.map(({ step, ...rest }) => ({ ...rest, at: (at += step) })));
        if ('tooLittle' in found) return;
        expect(found.percentPerMinute).toBeGreaterThan(0);
        for (const value of Object.values(found)) expect(value === null || Number.isFinite(value)).toBe(true);
      }),
    );
  });
});
