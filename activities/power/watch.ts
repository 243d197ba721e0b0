import { activityInfo, cancellationSignal, sleep } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import { NutError } from '../../clients/nut/index.ts';
import type { ClockStamp, PowerRules, PowerSample, PowerVerdict, WatchState } from '../../domain/power.ts';
import { isSameVerdict, observe, verdictOf } from '../../planning/power-watch.ts';
import { isClientError, report } from '../guard.ts';
import { elapsedBetween, readClock } from './clock.ts';
import type { UpsReader } from './deps.ts';

export interface WatchPowerInput {
  /** What the run before, or the last watch of this one, has handed on. */
  readonly state: WatchState;
  readonly rules: PowerRules;
  /** What the run knows already; null: it is told at the first look. */
  readonly seen: PowerVerdict | null;
}

export interface WatchPowerResult {
  readonly state: WatchState;
  readonly verdict: PowerVerdict;
}

/** Milliseconds after which the watch comes back without news, so that its run can continue as new. */
const LONGEST_WATCH = 24 * 3_600_000;

export function createWatchActivities({
  power: { ups },
  clock = readClock,
}: {
  readonly power: { readonly ups: UpsReader };
  readonly clock?: () => ClockStamp;
}) {
  return {
    /**
     * Looks at the UPS again and again, and comes back when there is something that the run does not know yet. What it has
     * counted is in its heartbeats: another worker goes on from there, and the time that nobody looked counts too. When it
     * is cancelled it comes back with what it has so far.
     */
    async watchPower({ state, rules, seen }: WatchPowerInput): Promise<WatchPowerResult> {
      let { watch, seenAt } = (activityInfo().heartbeatDetails as WatchState | undefined) ?? state;
      for (;;) {
        const { reading, trouble } = await look(ups);
        const now = clock();
        watch = observe(watch, { reading, trouble, sinceLast: elapsedBetween(seenAt, now) }, rules);
        seenAt = now;
        const so: WatchPowerResult = { state: { watch, seenAt }, verdict: verdictOf(watch, rules) };
        report(so.state);
        if (!isSameVerdict(seen, so.verdict) || cancellationSignal().aborted) return so;
        if (Date.now() - activityInfo().scheduledTimestampMs >= LONGEST_WATCH) return so;
        const took = clock().monotonic - now.monotonic;
        try {
          await sleep(Math.max(0, rules.interval * 1_000 - took));
        } catch (error) {
          if (error instanceof CancelledFailure) return so;
          throw error;
        }
      }
    },
  };
}

async function look(ups: UpsReader): Promise<Pick<PowerSample, 'reading' | 'trouble'>> {
  try {
    return { reading: await ups.read(), trouble: null };
  } catch (error) {
    if (!isClientError(error)) throw error;
    const kind = error instanceof NutError && error.class !== 'comms' ? 'config' : 'comms';
    return { reading: null, trouble: { kind, text: error.message } };
  }
}
