import { activityInfo, ApplicationFailure, sleep } from '@temporalio/activity';
import type { ErrorType } from '../domain/errors.ts';
import { toMilliseconds, type Duration } from '../domain/duration.ts';
import { isPassing, report } from './guard.ts';

/** One look at the world: what was wanted, or what is still missing. */
export type Look<T> = { readonly found: T } | { readonly waitingFor: string };

export interface AwaitOptions<T> {
  /** What is awaited, for the error: `pve-node1 to leave maintenance`. */
  readonly what: string;
  /** Counted from the activity's first attempt, so that a dead worker does not prolong it. */
  readonly within: Duration;
  readonly intervalMs: number;
  readonly errorType: ErrorType;
  /** What to do when it does not come. */
  readonly remedy: string;
  /** Kept in the heartbeat beside what is waited for. */
  readonly memory?: () => Readonly<Record<string, unknown>>;
  readonly look: () => Promise<Look<T>>;
}

/** When the time of the activity is over, counted from its first attempt; milliseconds since the epoch. */
export function deadlineOf(within: Duration): number {
  return activityInfo().scheduledTimestampMs + toMilliseconds(within);
}

/** Looks again and again until the world is as wanted. Failures that may pass are one more thing to wait for. */
export async function awaitWorld<T>(options: AwaitOptions<T>): Promise<T> {
  const deadline = deadlineOf(options.within);
  for (;;) {
    const look = await options.look().catch((error: unknown): Look<T> => {
      if (!isPassing(error)) throw error;
      return { waitingFor: (error as Error).message };
    });
    if ('found' in look) return look.found;
    report({ ...options.memory?.(), waitingFor: look.waitingFor });
    if (Date.now() >= deadline) {
      throw ApplicationFailure.create({
        type: options.errorType,
        message: `Waited ${options.within} for ${options.what}: ${look.waitingFor}. ${options.remedy}`,
        nonRetryable: true,
      });
    }
    await sleep(options.intervalMs);
  }
}
