import { ActivityCancellationType, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { PowerActivities } from '../../../activities/power/index.ts';
import { toMilliseconds, type Duration } from '../../../domain/duration.ts';
import type { Act } from '../../../domain/outage.ts';
import { explain } from '../failures.ts';

/** A worker that is silent for longer counts as dead; until then nobody looks at the UPS. */
const WORKER_LOST = '5 seconds';

/** Temporal's own limit comes after the activity's, which ends with an explanation. */
const MARGIN: Duration = '1 minute';

/** The watch never ends by failing: whatever is wrong, it is begun anew. */
export const watching = proxyActivities<PowerActivities>({
  startToCloseTimeout: '26 hours',
  heartbeatTimeout: WORKER_LOST,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1 second', backoffCoefficient: 1 },
});

/** What a run cannot begin without: it is waited for, however long worker and Temporal are away. */
export const needed = proxyActivities<PowerActivities>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: WORKER_LOST,
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

/** Reads and changes that know `time` themselves, or are done much sooner; tried again for as long. */
export function within(time: Duration) {
  const limit = toMilliseconds(time) + toMilliseconds(MARGIN);
  return proxyActivities<PowerActivities>({
    startToCloseTimeout: limit,
    scheduleToCloseTimeout: limit,
    heartbeatTimeout: WORKER_LOST,
    // A step that is given up must not hold the next one.
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '10 seconds' },
  });
}

/** A look at something that may not answer; nobody waits longer for it. */
export function once(time: Duration) {
  return proxyActivities<PowerActivities>({
    startToCloseTimeout: time,
    scheduleToCloseTimeout: time,
    heartbeatTimeout: WORKER_LOST,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { maximumAttempts: 2, initialInterval: '1 second' },
  });
}

/** Whatever goes wrong with one step, the next is taken. */
export async function orFailed(act: Promise<Act>): Promise<Act> {
  try {
    return await act;
  } catch (error) {
    return { outcome: 'failed', words: wordsOf(error) };
  }
}

/** What went wrong with a step. One that was called off did not go wrong, and nothing follows from it. */
export function wordsOf(error: unknown): string {
  if (isCancellation(error)) throw error;
  return explain(error);
}
