import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { NodePlan } from '../../domain/plan.ts';
import type { Policy } from '../../domain/policy.ts';
import type { NodeReport } from '../../domain/report.ts';
import type { WindowAnswer } from '../../domain/window.ts';
import { goNowSignal, goNowUpdate } from '../messages.ts';
import { quickActivities } from './activities.ts';
import { now } from './clock.ts';
import { failureDetail, failureType } from './failures.ts';
import type { Lease } from './lease.ts';
import type { Operator } from './operator.ts';
import type { RollJournal } from './roll-journal.ts';

/** Whether an operator asked not to wait for maintenance windows; it holds for the rest of the run. */
export interface GoNow {
  readonly asked: boolean;
  /** Tells which windows the run has, once that is known. */
  among(windows: Policy['windows']): void;
}

export function listenToGoNow(journal: RollJournal): GoNow {
  let asked = false;
  let unlimited = false;
  const goNow = () => {
    if (!asked) journal.warn('an operator asked to begin outside the maintenance windows (goNow)');
    asked = true;
    return 'begins outside the maintenance windows from now on';
  };
  const goNowOrRefuse = () => {
    if (!unlimited) return goNow();
    throw ApplicationFailure.nonRetryable('this run waits for no maintenance window', ErrorType.InvalidInput);
  };
  setHandler(goNowUpdate, goNowOrRefuse, { description: 'Begin outside the maintenance windows.' });
  setHandler(goNowSignal, () => void goNow(), { description: 'Begin outside the maintenance windows.' });
  return {
    get asked() {
      return asked;
    },
    among: (windows) => {
      unlimited = windows.length === 0;
    },
  };
}

export interface Waiting {
  readonly policy: Policy;
  readonly operator: Operator;
  readonly journal: RollJournal;
  readonly goNow: GoNow;
  /** Is given back meanwhile. */
  readonly lease: Lease;
}

/**
 * Holds until `plan` may be begun, with nothing disturbed meanwhile. True when it had to wait: then the world is another
 * and has to be looked at again.
 */
export async function awaitWindow(
  plan: NodePlan,
  { policy, operator, journal, goNow, lease }: Waiting,
): Promise<boolean> {
  if (goNow.asked || plan.action === 'skip') return false;
  const answer = await askWindow(plan, policy);
  if (answer.start) return false;
  if (answer.opens === null) throw outside(plan, 'no maintenance window is long enough for it', []);
  const since = now();
  await lease.release();
  const what = `the maintenance window that opens on ${answer.opensLocal}`;
  await operator.waitUntil(answer.opens, what, () => goNow.asked);
  journal.waited({ for: 'the maintenance window', from: since, until: now() });
  return true;
}

/**
 * The last word before a node is touched: an approval or a pause may have taken longer than the window.
 *
 * @param report Made only if it is needed.
 */
export async function refuseOutsideWindow(plan: NodePlan, policy: Policy, report: (why: string) => NodeReport) {
  if (policy.windows.length === 0) return;
  const answer = await askWindow(plan, policy);
  if (answer.start) return;
  const why =
    answer.opens === null
      ? 'no maintenance window is long enough for it'
      : `the next maintenance window that is long enough opens on ${answer.opensLocal}`;
  throw outside(plan, why, [report(why), plan]);
}

/** The plan that was agreed on when a node's run found itself outside the window; null for any other failure. */
export function planAgreedOutsideWindow(error: unknown): NodePlan | null {
  return failureType(error) === ErrorType.OutsideWindow ? (failureDetail(error, 1) as NodePlan | null) : null;
}

export function askWindow(plan: NodePlan, policy: Policy): Promise<WindowAnswer> {
  const { windows, timeZone, windowFit, timeouts } = policy;
  if (windows.length === 0 || timeZone === null) return Promise.resolve({ start: true, until: null });
  const needed = windowFit === 'expected' ? plan.expectedMilliseconds : 0;
  return quickActivities(timeouts.workerLost).readWindow.executeWithOptions(
    { summary: `${plan.node}: is a maintenance window open?` },
    [{ windows, timeZone, now: now(), needed }],
  );
}

function outside({ node }: NodePlan, why: string, details: unknown[]): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.OutsideWindow,
    message: `${node} is not begun: ${why}. Wait for it, change rollingUpdate.windows, or start with "windows": [].`,
    nonRetryable: true,
    details,
  });
}
