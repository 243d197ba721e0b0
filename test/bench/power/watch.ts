import { createWatchActivities, type WatchPowerInput, type WatchPowerResult } from '../../../activities/power/watch.ts';
import type { NutClient } from '../../../clients/nut/index.ts';
import type { PowerVerdict, WatchState } from '../../../domain/power.ts';
import { readPower } from '../../../planning/power-reading.ts';
import { NEW_WATCH } from '../../../planning/power-watch.ts';
import { activityEnvironment } from '../../helpers/fake-deps.ts';
import { DEFAULT_RULES } from '../../helpers/power-builders.ts';

/** The activity of Caretaker that watches the UPS, begun again whenever it comes back with news. */
export function startWatch(client: NutClient) {
  const told = { ONBATT: 0, ONLINE: 0 };
  let finalAt: number | null = null;
  let fresh: WatchState | null = null;
  let closed = false;
  let cancel = (): void => undefined;
  const activities = createWatchActivities({
    power: { ups: { label: 'ups', read: async () => readPower(await client.listVariables('ups')) } },
  });

  async function watch(): Promise<void> {
    let state: WatchState = { watch: NEW_WATCH, seenAt: null };
    let seen: PowerVerdict | null = null;
    while (!closed) {
      const environment = activityEnvironment();
      cancel = () => environment.cancel();
      const input: WatchPowerInput = { state: fresh ?? state, rules: DEFAULT_RULES, seen };
      fresh = null;
      const result: WatchPowerResult = await environment.run(
        (given: WatchPowerInput) => activities.watchPower(given),
        input,
      );
      if (fresh !== null) continue;
      const { mains, byNeed } = result.verdict;
      if (mains === 'out' && seen?.mains !== 'out') told.ONBATT += 1;
      if (mains !== 'out' && seen?.mains === 'out') told.ONLINE += 1;
      if (byNeed === 'final') finalAt ??= performance.now();
      ({ state, verdict: seen } = result);
    }
  }
  const watching = watch();
  return {
    times: (event: 'ONBATT' | 'ONLINE') => told[event],
    /** By `performance.now()`; null until the final phase is asked for. */
    finalAt: () => finalAt,
    /** Begins anew, as if there had been no outage. */
    forget(): void {
      fresh = { watch: NEW_WATCH, seenAt: null };
      finalAt = null;
      cancel();
    },
    async close() {
      closed = true;
      cancel();
      await watching;
    },
  };
}
