import { describeMilliseconds } from '../domain/duration.ts';
import type { Finding } from '../domain/finding.ts';
import type { NodePlan } from '../domain/plan.ts';
import { blocker } from './findings.ts';

/**
 * A node that takes longer than every maintenance window would be waited for in vain, week after week.
 *
 * @param longest Milliseconds of the longest window.
 */
export function windowTooShort({ node, expectedMilliseconds }: NodePlan, longest: number): Finding {
  return blocker({
    code: 'window-too-short',
    node,
    message:
      `${node} will take about ${describeMilliseconds(expectedMilliseconds)}, ` +
      `and the longest maintenance window has ${describeMilliseconds(longest)}`,
    remedy: 'make a window longer (rollingUpdate.windows), or set rollingUpdate.windowFit to "start-only"',
  });
}
