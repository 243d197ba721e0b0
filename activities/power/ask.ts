import { setMaxListeners } from 'node:events';
import { cancellationSignal } from '@temporalio/activity';
import { isClientError } from '../guard.ts';

/** The answer, or why there is none. */
export type Answer<T> = { readonly value: T } | { readonly trouble: Error };

/** Whether what was asked for is done, nobody knows. */
class Late extends Error {
  override readonly name = 'Late';
  readonly outcome = 'unknown';
}

/** Milliseconds for one question to an API, or for one command. */
export const ANSWER_MS = 10_000;

/**
 * Asks the world something and gives it so long. Whatever goes wrong is an answer too, for the next step of an outage
 * waits for nobody; only the cancellation of the activity is thrown.
 */
export async function ask<T>(question: (signal: AbortSignal) => Promise<T>, ms = ANSWER_MS): Promise<Answer<T>> {
  // A signal of its own and no `AbortSignal.any`, which the one of the activity, that may watch for a day, would keep.
  const asking = new AbortController();
  const cancelled = cancellationSignal();
  // Every guest of a node is asked about at once, and nothing is left behind: more than ten listeners are no leak here.
  setMaxListeners(0, cancelled);
  const onCancel = () => asking.abort(cancelled.reason);
  const timer = setTimeout(() => asking.abort(new Late(`no answer within ${ms / 1_000} s`)), ms);
  cancelled.addEventListener('abort', onCancel);
  try {
    cancelled.throwIfAborted();
    return { value: await Promise.race([question(asking.signal), aborted(asking.signal)]) };
  } catch (error) {
    cancelled.throwIfAborted();
    return { trouble: error instanceof Error ? error : new Error(String(error)) };
  } finally {
    clearTimeout(timer);
    cancelled.removeEventListener('abort', onCancel);
  }
}

/** True for a command that was sent and whose answer was lost: nobody knows whether it is carried out. */
export function mayBeDone(trouble: Error): boolean {
  return isClientError(trouble) && trouble.outcome === 'unknown';
}

/** Rejects when the signal does, for those who do not heed it. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
