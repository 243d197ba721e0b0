import { CancellationScope, condition, isCancellation, log, sleep } from '@temporalio/workflow';
import type { PowerRules, PowerVerdict, PowerWatch, WatchState } from '../../../domain/power.ts';
import { isSameVerdict, NEW_WATCH } from '../../../planning/power-watch.ts';
import { watching } from './activities.ts';

/** The UPS as this run sees it. Only one run at a time watches; it hands its state to the next. */
export interface PowerWatcher {
  readonly verdict: PowerVerdict;
  readonly watch: PowerWatch;
  /** Seconds on battery, as far as this run can tell between two verdicts. */
  readonly onBattery: number;
  /** Milliseconds of that which the watch itself has forgotten; for the run that goes on from here. */
  readonly forgotten: number;
  /** In which boot of which machine the UPS was last looked at. */
  readonly boot: string | null;
  /** Goes up with every verdict. */
  readonly news: number;
  /** Goes on by other rules. */
  useRules(rules: PowerRules): void;
  /** Knows what the UPS says at this moment, though it be no news. */
  lookNow(): Promise<void>;
  /** Comes to an end and tells where it stands. */
  stop(): Promise<WatchState>;
  /** Knows what another run has seen meanwhile, and does not watch itself. */
  take(state: WatchState, verdict: PowerVerdict): void;
  /** Watches again. */
  goOn(): void;
}

export interface WatcherStart {
  readonly state: WatchState;
  readonly verdict: PowerVerdict;
  readonly rules: PowerRules;
  /** Milliseconds on battery that the watch has forgotten since the outage began. */
  readonly forgotten?: number;
}

export function startWatcher(start: WatcherStart, onNews: () => void): PowerWatcher {
  let { state, verdict, rules } = start;
  let news = 0;
  let looks = 0;
  let heardAt = Date.now();
  let { forgotten = 0 } = start;
  let stopped = false;
  let round = new CancellationScope({ cancellable: true });

  const know = (next: WatchState): void => {
    // For the next outage the time on battery begins anew after a while on mains; in this one it has passed all the same.
    if (next.watch.onBattery < state.watch.onBattery) forgotten += state.watch.onBattery;
    state = next;
    heardAt = Date.now();
  };
  const watchOn = async (): Promise<void> => {
    while (!stopped) {
      round = new CancellationScope({ cancellable: true });
      try {
        const result = await round.run(() =>
          watching.watchPower.executeWithOptions({ summary: 'watch the UPS' }, [{ state, rules, seen: verdict }]),
        );
        know(result.state);
        looks += 1;
        const isNews = !isSameVerdict(verdict, result.verdict);
        verdict = result.verdict;
        if (!isNews) continue;
        news += 1;
        onNews();
      } catch (error) {
        if (isCancellation(error)) continue;
        log.error('The UPS could not be watched; it is tried again.', { error });
        await sleep('5 seconds');
      }
    }
  };
  let ended = watchOn();

  return {
    get verdict() {
      return verdict;
    },
    get watch() {
      return state.watch;
    },
    get onBattery() {
      const since = verdict.mains === 'out' ? Date.now() - heardAt : 0;
      return Math.round((forgotten + state.watch.onBattery + since) / 1_000);
    },
    get forgotten() {
      return forgotten;
    },
    get boot() {
      return state.seenAt?.boot ?? null;
    },
    get news() {
      return news;
    },
    useRules(next) {
      rules = next;
      round.cancel();
    },
    async lookNow() {
      const before = looks;
      round.cancel();
      await condition(() => looks > before || stopped);
    },
    async stop() {
      stopped = true;
      round.cancel();
      await ended;
      return state;
    },
    take(from, seen) {
      know(from);
      verdict = seen;
      news += 1;
      onNews();
    },
    goOn() {
      stopped = false;
      ended = watchOn();
    },
  };
}

/** For a rehearsal: an outage that nobody has seen. */
export function pretendOutage(): PowerWatcher {
  const state: WatchState = { watch: NEW_WATCH, seenAt: null };
  return {
    verdict: {
      byTime: 'hold',
      byNeed: 'hold',
      because: 'a rehearsal',
      blind: false,
      pressing: false,
      mains: 'out',
      mayWake: false,
      notYet: null,
      notices: [],
    },
    watch: state.watch,
    onBattery: 0,
    forgotten: 0,
    boot: null,
    news: 0,
    useRules: () => undefined,
    lookNow: () => Promise.resolve(),
    stop: () => Promise.resolve(state),
    take: () => undefined,
    goOn: () => undefined,
  };
}
