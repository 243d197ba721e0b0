import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { NutError } from '../../clients/nut/index.ts';
import { pause } from '../../clients/pause.ts';
import type { ClockStamp, PowerRules, PowerSample, PowerVerdict, PowerWatch, WatchState } from '../../domain/power.ts';
import { classOf } from '../../planning/power-class.ts';
import { isSameVerdict, observe, verdictOf } from '../../planning/power-watch.ts';
import { report } from '../guard.ts';
import { ask } from './ask.ts';
import { elapsedBetween, isAnotherBoot, readClock } from './clock.ts';
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
export const LONGEST_WATCH = 24 * 3_600_000;

/** Milliseconds for one look: what was said longer ago is not of this moment. */
const LOOK_MS = 5_000;

export function createWatchActivities({
  power: { ups },
  clock = readClock,
}: {
  readonly power: { readonly ups: UpsReader };
  readonly clock?: () => ClockStamp;
}) {
  /**
   * Waits for the next look. Halfway the status alone is asked: when it means something else, nobody waits any longer. A
   * class that lasts is looked at once an interval as before, so that no row of looks is shorter than it was.
   */
  async function untilDue({ reading, class: known }: PowerWatch, rules: PowerRules, left: () => number): Promise<void> {
    const half = rules.interval * 500;
    // A server that takes its time is not asked twice.
    if (reading !== null && left() > half) {
      // Temporal's own `sleep` leaves something behind each time until the activity ends.
      await pause(left() - half, cancellationSignal());
      const answer = await ask((signal) => ups.readStatus(signal), half);
      if ('value' in answer && classOf({ ...reading, status: answer.value }, rules) !== known) return;
    }
    if (left() > 0) await pause(left(), cancellationSignal());
  }

  return {
    /**
     * Looks at the UPS again and again, and comes back when there is something that the run does not know yet. What it has
     * counted is in its heartbeats: another worker goes on from there, and the time that nobody looked counts too; after
     * a cold start it waits for a word of the UPS. When it is cancelled it comes back with what it has so far.
     */
    async watchPower({ state, rules, seen }: WatchPowerInput): Promise<WatchPowerResult> {
      let { watch, seenAt } = (activityInfo().heartbeatDetails as WatchState | undefined) ?? state;
      const begun = clock().monotonic;
      const known = (): WatchPowerResult => ({ state: { watch, seenAt }, verdict: verdictOf(watch, rules) });
      try {
        // Two looks in the same moment would be one and the same look, and make nothing more certain.
        let due = seenAt === null ? begun : begun + rules.interval * 1_000 - elapsedBetween(seenAt, clock());
        for (;;) {
          await untilDue(watch, rules, () => due - clock().monotonic);
          const asked = clock().monotonic;
          const said = await look(ups);
          const now = clock();
          const coldStart = seenAt !== null && isAnotherBoot(seenAt, now);
          watch = observe(watch, { ...said, sinceLast: elapsedBetween(seenAt, now), coldStart }, rules);
          seenAt = now;
          const result = known();
          report(result.state);
          if (!isSameVerdict(seen, result.verdict) || now.monotonic - begun >= LONGEST_WATCH) return result;
          due = asked + rules.interval * 1_000;
        }
      } catch (error) {
        if (cancellationSignal().aborted) return known();
        throw error;
      }
    },
  };
}

async function look(ups: UpsReader): Promise<Pick<PowerSample, 'reading' | 'trouble'>> {
  const answer = await ask((signal) => ups.read(signal), LOOK_MS);
  if ('value' in answer) return { reading: answer.value, trouble: null };
  const { trouble } = answer;
  if (!(trouble instanceof NutError)) {
    return { reading: null, trouble: { kind: 'comms', text: `${ups.label}: ${trouble.message}` } };
  }
  return { reading: null, trouble: { kind: trouble.class === 'comms' ? 'comms' : 'config', text: trouble.message } };
}
