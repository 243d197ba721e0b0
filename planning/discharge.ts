import type { DischargePoint } from '../domain/power.ts';

/** What an outage has shown of the battery, at the load it had. */
export interface DischargeModel {
  /** Percent of charge that a minute on battery takes. */
  readonly percentPerMinute: number;
  /** Minutes from full to empty at that rate. A battery does not empty evenly, so it is about that. */
  readonly minutesFromFull: number;
  /** Percent, the mean of what the UPS said; null when it said nothing. */
  readonly load: number | null;
  /** Minutes that the UPS itself promised from full, by its first word on its runtime; null without one. */
  readonly promisedFromFull: number | null;
  readonly seenFrom: number;
  readonly seenTo: number;
  readonly seconds: number;
}

/** Fewer, or closer together, and the steps in which a UPS counts its charge would be all that is seen. */
const FEWEST_POINTS = 4;
const SHORTEST_SECONDS = 120;
const SMALLEST_DROP = 3;

type Measured = DischargePoint & { readonly charge: number };

/**
 * How fast the battery empties: the median of the rates between all pairs of points, which a jump at the transfer to
 * battery does not spoil. Where the battery was charged in between, only the longest discharge counts.
 *
 * @param points In the order of their time on battery.
 */
export function dischargeOf(points: readonly DischargePoint[]): DischargeModel | { readonly tooLittle: string } {
  const run = longestRun(points);
  const [first, last] = [run[0], run.at(-1)];
  if (first === undefined || last === undefined) return { tooLittle: 'the UPS reported no charge' };
  const seconds = last.at - first.at;
  const drop = first.charge - last.charge;
  if (run.length < FEWEST_POINTS || seconds < SHORTEST_SECONDS || drop < SMALLEST_DROP) {
    const seen = `${run.length} points in ${Math.round(seconds)} s, ${Math.max(0, Math.round(drop))} % less charge`;
    return { tooLittle: `not enough points for a model (${seen})` };
  }
  const percentPerMinute = medianRate(run) * 60;
  if (!(percentPerMinute > 0)) return { tooLittle: 'the charge did not fall steadily' };
  const loads = run.flatMap(({ load }) => load ?? []);
  // Some UPSs say 0 until they have measured it.
  const promise = run.find(({ runtime, charge }) => runtime !== null && runtime > 0 && charge > 0);
  return {
    percentPerMinute,
    minutesFromFull: 100 / percentPerMinute,
    load: loads.length === 0 ? null : loads.reduce((sum, load) => sum + load, 0) / loads.length,
    promisedFromFull: promise === undefined ? null : ((promise.runtime ?? 0) / 60) * (100 / promise.charge),
    seenFrom: first.charge,
    seenTo: last.charge,
    seconds,
  };
}

/** More than the noise of a measurement: the battery was charged. */
const CHARGED = 2;

function longestRun(points: readonly DischargePoint[]): Measured[] {
  const runs: Measured[][] = [[]];
  for (const point of points) {
    if (point.charge === null) continue;
    const run = runs.at(-1) ?? [];
    const before = run.at(-1);
    const measured = { ...point, charge: point.charge };
    if (before !== undefined && measured.charge > before.charge + CHARGED) runs.push([measured]);
    else run.push(measured);
  }
  const span = (run: readonly Measured[]): number => (run.at(-1)?.at ?? 0) - (run[0]?.at ?? 0);
  return runs.reduce((longest, run) => (span(run) > span(longest) ? run : longest));
}

/** Percent a second. */
function medianRate(run: readonly Measured[]): number {
  const rates = run
    .flatMap((one, index) =>
      run
        .slice(index + 1)
        .filter((other) => other.at > one.at)
        .map((other) => (one.charge - other.charge) / (other.at - one.at)),
    )
    .sort((a, b) => a - b);
  // The lower of two in the middle: of the fewest points, half of the pairs hold the one before the jump.
  return rates[Math.floor((rates.length - 1) / 2)] ?? 0;
}
