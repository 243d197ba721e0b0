import { vi } from 'vitest';
import { createWatchActivities, type WatchPowerInput, type WatchPowerResult } from '../../../activities/power/watch.ts';
import type { PowerRules, PowerVerdict, PowerWatch, WatchState } from '../../../domain/power.ts';
import { laterPhase, NEW_WATCH, verdictOf } from '../../../planning/power-watch.ts';
import { upsReader } from '../../../workers/ups-connection.ts';
import { activityEnvironment } from '../../helpers/fake-deps.ts';
import { DEFAULT_RULES } from '../../helpers/power-builders.ts';
import type { RealNut } from './nut.ts';

/** The rules of a site that has no patience, for tests that have none either. */
const HASTY: PowerRules = {
  ...DEFAULT_RULES,
  interval: 0.2,
  confirm: 1,
  silence: 5,
  final: { ...DEFAULT_RULES.final, blind: 16 },
};

/** What is known after a look. */
export interface Known {
  readonly watch: PowerWatch;
  readonly verdict: PowerVerdict;
  /** The status; null without an answer. */
  readonly said: string | null;
}

/** The activity `watchPower` over a real NUT server, begun again with what it came back with, as its run does. */
export interface RealWatch {
  /** All that it came back with. */
  readonly news: readonly WatchPowerResult[];
  /** Whether a phase was ever asked for. */
  askedForPhase(): boolean;
  /** Waits for a look after which this holds. */
  until(holds: (known: Known) => boolean): Promise<Known>;
  close(): Promise<void>;
}

export function watchUps(nut: RealNut, changes: Partial<PowerRules> = {}): RealWatch {
  const rules = { ...HASTY, ...changes };
  const client = nut.client({ timeouts: { connect: 1_000, reply: 1_000 } });
  const reader = upsReader(client, 'ups');
  const news: WatchPowerResult[] = [];
  const looks: Known[] = [];
  let said: string | null = null;
  const activities = createWatchActivities({
    power: {
      ups: {
        ...reader,
        async read(signal) {
          said = null;
          const reading = await reader.read(signal);
          said = reading.status.join(' ');
          return reading;
        },
      },
    },
  });
  let closed = false;
  let cancel = (): void => undefined;

  async function watch(): Promise<void> {
    let state: WatchState = { watch: NEW_WATCH, seenAt: null };
    let seen: PowerVerdict | null = null;
    while (!closed) {
      const environment = activityEnvironment();
      cancel = () => environment.cancel();
      environment.onHeartbeat((details) => {
        const { watch } = details as WatchState;
        looks.push({ watch, verdict: verdictOf(watch, rules), said });
      });
      const result: WatchPowerResult = await environment.run((input: WatchPowerInput) => activities.watchPower(input), {
        state,
        rules,
        seen,
      });
      ({ state, verdict: seen } = result);
      news.push(result);
    }
  }
  const watching = watch();
  return {
    news,
    askedForPhase: () => looks.some(({ watch }) => laterPhase(watch.byTime, watch.byNeed) !== 'normal'),
    until: (holds) => {
      const from = looks.length;
      return vi.waitUntil(() => looks.slice(from).find(holds), { timeout: 60_000, interval: 50 });
    },
    async close() {
      closed = true;
      cancel();
      await watching;
      client.close();
    },
  };
}
