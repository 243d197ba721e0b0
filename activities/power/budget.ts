import { activityInfo, sleep } from '@temporalio/activity';
import type { Look } from '../await-world.ts';
import { report } from '../guard.ts';

/** Time for an activity in milliseconds, by a clock that nobody sets. What earlier attempts have used of it is gone. */
export interface Budget {
  /** Never negative. */
  left(): number;
  spent(): number;
}

interface Memory {
  readonly spent?: number;
}

export function budgetOf(ms: number): Budget {
  const { spent: before = 0 } = (activityInfo().heartbeatDetails ?? {}) as Memory;
  const begun = performance.now();
  const spent = () => before + performance.now() - begun;
  return { spent, left: () => Math.max(0, ms - spent()) };
}

/** Looks until what is wanted is there or the budget is used up: then the last look, which says what is missing. */
export async function lookWithin<T>(
  budget: Budget,
  intervalMs: number,
  look: () => Promise<Look<T>>,
): Promise<Look<T>> {
  for (;;) {
    const seen = await look();
    if ('found' in seen) return seen;
    report({ spent: budget.spent(), waitingFor: seen.waitingFor } satisfies Memory & { waitingFor: string });
    if (budget.left() === 0) return seen;
    await sleep(Math.min(intervalMs, budget.left()));
  }
}
