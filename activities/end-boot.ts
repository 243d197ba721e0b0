import { activityInfo } from '@temporalio/activity';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import { isPassing } from './guard.ts';

/** A reboot request that shows no effect for so many looks was lost, and is repeated. */
const LOOKS_BEFORE_ASKING_AGAIN = 30;

export interface EndBootOptions<State> {
  /** What is rebooted, for the error. */
  readonly machine: string;
  readonly within: Duration;
  readonly intervalMs: number;
  readonly remedy: string;
  readonly read: () => Promise<State>;
  /** True while the boot that shall end goes on. */
  readonly isOld: (state: State) => boolean;
  /**
   * Asks for the reboot by a command that compares the boot on the machine itself, so that one that arrives late, or twice,
   * can never end a second boot. It may cut the connection before the answer.
   */
  readonly ask: () => Promise<unknown>;
}

export interface EndedBoot<State> {
  readonly state: State;
  /**
   * From the last answer of the old boot to the first of the new one, as seen from here. Null if nobody has seen the old one:
   * it had ended before the first look.
   */
  readonly downMs: number | null;
}

/** What a later attempt goes on from. */
interface Memory {
  readonly lastSeen?: number;
  readonly wentDown?: boolean;
}

/** Ends one boot of a machine and waits for another. Fails with `RebootNotProven`, which tells what was seen instead. */
export function endBoot<State>(options: EndBootOptions<State>): Promise<EndedBoot<State>> {
  const { machine, within, intervalMs, remedy, read, isOld, ask } = options;
  let { lastSeen, wentDown = false } = (activityInfo().heartbeatDetails ?? {}) as Memory;
  let looks = 0;
  return awaitWorld({
    what: `${machine} to reboot`,
    within,
    intervalMs,
    errorType: ErrorType.RebootNotProven,
    remedy,
    memory: () => ({ lastSeen, wentDown }),
    look: async (): Promise<Look<EndedBoot<State>>> => {
      const state = await orNull(read());
      if (state === null) {
        wentDown = true;
        return { waitingFor: 'it is down or does not answer' };
      }
      if (!isOld(state)) return { found: { state, downMs: lastSeen === undefined ? null : Date.now() - lastSeen } };
      lastSeen = Date.now();
      if (looks++ % LOOKS_BEFORE_ASKING_AGAIN === 0) await orNull(ask());
      return {
        waitingFor: wentDown
          ? 'it answers again with its old boot id: it was not rebooted'
          : 'it is still up with its old boot id (is something like molly-guard in the way?)',
      };
    },
  });
}

/** Null for no answer. */
async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  return asked.catch((error: unknown) => {
    if (isPassing(error)) return null;
    throw error;
  });
}
