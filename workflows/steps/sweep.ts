import { sleep } from '@temporalio/workflow';
import { remoteJobId } from '../../domain/ids.ts';
import type { MarkFacts } from '../../domain/maintenance-mark.ts';
import type { RollPlan } from '../../domain/plan.ts';
import type { RollSettings } from '../../domain/policy.ts';
import { whyNotSwept } from '../../planning/abandoned-maintenance.ts';
import { blockersIn, findingsOf } from '../../planning/findings.ts';
import { quickActivities, waitingActivities } from './activities.ts';
import { explain } from './failures.ts';
import { makePlan } from './make-plan.ts';
import type { RollJournal } from './roll-journal.ts';
import { whyNotWell } from './well-enough.ts';

type Warn = RollJournal['warn'];

export interface SweptPlan {
  readonly plan: RollPlan;
  /** Nodes whose flag was taken off. */
  readonly swept: readonly string[];
}

/**
 * The plan, made anew after maintenance flags were swept that a terminated run of ours has left. Where something else
 * stands in the way too, nothing is touched. The caller has the lease. Like every undoing this waits for no approval and no
 * window: what it takes back should not be there.
 *
 * @param warn Told of every flag that was swept, and why one was not that is ours.
 */
export async function makeSweptPlan(settings: RollSettings, warn: Warn): Promise<SweptPlan> {
  const plan = await makePlan(settings);
  const blockers = blockersIn(findingsOf(plan));
  const flagged = blockers.flatMap(({ code, node }) => (code === 'foreign-maintenance' ? (node ?? []) : []));
  const swept: string[] = [];
  if (flagged.length < blockers.length) return { plan, swept };
  for (const node of new Set(flagged)) if (await sweep(node, settings, warn)) swept.push(node);
  return { plan: swept.length === 0 ? plan : await planWhenSettled(settings), swept };
}

/** The HA manager moves guests back when a flag goes, and a guest on its way stands in the way of a plan. */
async function planWhenSettled(settings: RollSettings): Promise<RollPlan> {
  const { retries, pause } = settings.policy.onFailure;
  for (let tries = 0; ; tries += 1) {
    const plan = await makePlan(settings);
    if (blockersIn(findingsOf(plan)).length === 0 || tries >= retries) return plan;
    await sleep(pause, { summary: 'pause, while the HA manager moves its guests back' });
  }
}

/** True when the flag was taken off; one that stays is the blocker that it was. */
async function sweep(node: string, settings: RollSettings, warn: Warn): Promise<boolean> {
  const { policy } = settings;
  const leave = (why: string) => {
    warn(`${node} is left in HA maintenance mode: ${why}`);
    return false;
  };
  try {
    const facts = await readMark(node, settings);
    if (facts.mark === null) return false;
    const why = whyNotSwept(facts, Date.now(), policy.timeouts) ?? (await whySick(node, facts, settings));
    if (why !== null) return leave(why);
    await waitingActivities(policy.timeouts, policy.timeouts.haMove).ensureMaintenance.executeWithOptions(
      { summary: `${node}: HA maintenance off, which a terminated run has left` },
      [{ node, on: false, within: policy.timeouts.haMove }],
    );
    const { since, workflowId } = facts.mark;
    warn(
      `${node} was in HA maintenance mode since ${since}, left by ${workflowId} that was terminated: it was taken off`,
    );
    return true;
  } catch (error) {
    return leave(explain(error));
  }
}

function readMark(node: string, { cluster, policy }: RollSettings): Promise<MarkFacts> {
  return quickActivities(policy.timeouts.workerLost).readMaintenanceMark.executeWithOptions(
    { summary: `${node}: see whose its maintenance flag is` },
    [{ node, cluster }],
  );
}

/** The same proof as before guests go home; what the node had before, nobody knows any more. */
async function whySick(node: string, { mark }: MarkFacts, { policy }: RollSettings): Promise<string | null> {
  const { timeouts } = policy;
  const upgradeJob = mark === null ? null : remoteJobId('upgrade', mark.runId);
  const expected = { bootIdBefore: null, kernel: null, services: [], storages: [] };
  const sick = await whyNotWell({ node, timeouts, upgradeJob, expected }, timeouts);
  if (sick.length > 0) return sick.join(', ');
  const { shell } = await quickActivities(timeouts.workerLost).readNodeCondition.executeWithOptions(
    { summary: `${node}: see whether a job of ours is at work` },
    [{ node }],
  );
  if ('unknown' in shell) return shell.unknown;
  const { busyUnits } = shell.value;
  if ('unknown' in busyUnits) return busyUnits.unknown;
  const jobs = busyUnits.value.filter((unit) => unit.startsWith('caretaker-'));
  return jobs.length === 0 ? null : `${jobs.join(', ')} still runs`;
}
