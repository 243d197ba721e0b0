import { sleep } from '@temporalio/activity';
import type { Act, PowerGate } from '../../domain/outage.ts';
import { hasWord, type PowerReading, type PowerRules } from '../../domain/power.ts';
import { isOnBattery, isOnMains } from '../../planning/power-class.ts';
import { ask } from './ask.ts';
import { readClock } from './clock.ts';
import type { PowerDeps } from './deps.ts';

/** What the UPS says counts for so long (milliseconds), and so long it is asked. */
const FRESH_MS = 5_000;
const TRIES = 3;

/** One who may act looks at the UPS again as soon as the last look is too old. */
export type MayAct = () => Promise<Act | null>;

/**
 * Looks at the UPS right before something is done that cannot be taken back: null when it may be done, else the outcome.
 * Whoever decided may have done so long ago: the worker or Temporal was away, or an earlier attempt died.
 *
 * In a rehearsal, which changes nothing, the mains may be on, and the UPS may say nothing.
 */
export async function lookBeforeActing(deps: PowerDeps, gate: PowerGate): Promise<Act | null> {
  return (await readBeforeActing(deps, gate)).forbidden;
}

/** The same with what the UPS said; null when it said nothing. */
export async function readBeforeActing(
  { power }: PowerDeps,
  gate: PowerGate,
): Promise<{ readonly forbidden: Act | null; readonly reading: PowerReading | null }> {
  const { rules } = power.settings();
  const begun = performance.now();
  const left = () => FRESH_MS - (performance.now() - begun);
  let missing = 'it was not asked';
  for (let tries = 1; tries <= TRIES && left() > 0; tries += 1) {
    const answer = await ask((signal) => power.ups.read(signal), left());
    // An answer that took its time, as when the worker stood still, is about a moment that is past.
    if (left() <= 0) break;
    if ('value' in answer) {
      const mains = mainsOf(answer.value, rules);
      if (mains === 'out' || gate.rehearsal) return { forbidden: null, reading: answer.value };
      const words = answer.value.status.join(' ');
      if (mains === 'on') {
        return { forbidden: { outcome: 'mains-on', words: `${gate.ups} says "${words}"` }, reading: answer.value };
      }
      missing = `it says "${words}"`;
    } else {
      missing = answer.trouble.message;
    }
    if (tries < TRIES) await sleep(Math.max(0, Math.min(rules.interval * 1_000, left())));
  }
  if (gate.rehearsal || (gate.blind && gate.boot === readClock().boot)) return { forbidden: null, reading: null };
  const words = `${gate.ups} does not tell whether the mains are on (${missing})`;
  return { forbidden: { outcome: 'no-sample', words }, reading: null };
}

/** The same for an activity with many acts, which are not each preceded by a look of its own. */
export function mayActOf(deps: PowerDeps, gate: PowerGate): MayAct {
  let lookedAt = -Infinity;
  return async () => {
    if (performance.now() - lookedAt < FRESH_MS) return null;
    const begun = performance.now();
    const act = await lookBeforeActing(deps, gate);
    if (act === null) lookedAt = begun;
    return act;
  };
}

function mainsOf(reading: PowerReading, rules: PowerRules): 'on' | 'out' | 'unknown' {
  // An order to shut down stands until upsd is restarted; who does not act on it with mains does not shut down for it.
  if (isOnMains(reading, rules)) return hasWord(reading.status, 'FSD') && rules.fsdOnMains === 'act' ? 'out' : 'on';
  // While its driver starts, nothing but an order that stands may be said (`FSD WAIT`).
  return isOnBattery(reading, rules) ? 'out' : 'unknown';
}
