import type { NodePlan } from '../../domain/plan.ts';
import type { RollSettings } from '../../domain/policy.ts';
import type { NodeReport } from '../../domain/report.ts';
import { blockersIn, findingsOf } from '../../planning/findings.ts';
import { awaitWindow, planAgreedOutsideWindow, type GoNow } from './await-window.ts';
import type { Lease } from './lease.ts';
import { makePlan } from './make-plan.ts';
import type { Operator } from './operator.ts';
import { refuseToGoOn } from './roll-end.ts';
import type { RollJournal } from './roll-journal.ts';
import { skippedReport } from './skip-list.ts';

export interface Turn {
  readonly settings: RollSettings;
  readonly journal: RollJournal;
  readonly operator: Operator;
  readonly skipped: ReadonlySet<string>;
  readonly goNow: GoNow;
  readonly lease: Lease;
}

/**
 * One node, from its turn to its report. A turn that comes outside the maintenance windows waits for the next one, and one
 * that finds another run at the cluster waits for its end; then everything that is still to come is planned anew.
 *
 * @param update Carries out a plan; `approved` when a person has agreed to it before the wait.
 */
export async function takeTurn(
  node: string,
  turn: Turn,
  update: (planned: NodePlan, approved: boolean) => Promise<NodeReport>,
): Promise<NodeReport> {
  const { settings, journal, operator, skipped, lease } = turn;
  let agreed: NodePlan | null = null;
  for (;;) {
    // Whoever holds it before it has begun keeps nobody from the cluster.
    if (operator.paused && journal.finishedNodes().length === 0) await lease.release();
    await operator.safePoint();
    if (skipped.has(node)) return skippedReport(node);
    const planned = agreed ?? journal.planOf(node);
    // Both may take hours, after which the world is another.
    if ((await awaitWindow(planned, { ...turn, policy: settings.policy })) || (await awaitLease(planned, turn))) {
      await planAgain(node, turn);
      continue;
    }
    journal.started(node);
    try {
      return await update(planned, agreed !== null);
    } catch (error) {
      agreed = planAgreedOutsideWindow(error);
      if (agreed === null) throw error;
      journal.postponed(node);
    }
  }
}

/**
 * True when the roll had to wait for the lease. Where a person agrees to every node, the run of the node takes it for the
 * roll after that: nobody shall wait for a person who has not touched anything yet.
 */
async function awaitLease({ action }: NodePlan, { settings: { policy }, lease }: Turn): Promise<boolean> {
  if (action === 'skip' || policy.approval === 'every-node') return false;
  return lease.hold(policy.timeouts.lease);
}

/** The nodes from `node` on, with every check: a week may have passed. */
async function planAgain(node: string, { settings, journal, goNow }: Turn): Promise<void> {
  const names = (journal.plan()?.nodes ?? []).map((each) => each.node);
  const nodes = names.slice(names.indexOf(node));
  const { policy } = settings;
  const windows = goNow.asked ? [] : policy.windows;
  const plan = await makePlan({ ...settings, policy: { ...policy, windows, nodes } });
  journal.plannedAgain(plan);
  const blockers = blockersIn(findingsOf(plan));
  if (blockers.length > 0) throw refuseToGoOn(blockers);
}
