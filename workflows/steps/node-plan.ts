import { ApplicationFailure } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { NodePlan } from '../../domain/plan.ts';
import type { RollSettings } from '../../domain/policy.ts';
import { optionsNow } from '../../planning/decide.ts';
import { blockersIn, describeFindings, remarksIn } from '../../planning/findings.ts';
import { describeDrift, nodePlanIn } from '../../planning/plan-roll.ts';
import { makePlan } from './make-plan.ts';
import type { NodeJournal } from './node-journal.ts';
import type { Operator } from './operator.ts';
import type { Recovery, Trouble } from './recover.ts';

export interface PlanDesk {
  readonly journal: NodeJournal;
  readonly operator: Operator;
  /** Told of each plan as soon as it is made. */
  readonly onPlan: (plan: NodePlan) => void;
  /** The plan that was shown has been approved for this node alone. */
  readonly approved: boolean;
}

/**
 * The agreed plan with nothing in its way. A node that is refused when its turn comes is a trouble like others: the
 * policy or a person may have it planned again, or left out.
 *
 * Throws `Refused` when it stays refused.
 */
export async function agreeSafePlan(
  node: string,
  settings: RollSettings,
  shown: NodePlan | null,
  desk: PlanDesk & { readonly recovery: Recovery },
): Promise<NodePlan> {
  const trouble: Trouble = {
    about: 'refused',
    options: () => Promise.resolve(optionsNow('refused', null, null)),
    checkAgain: () => Promise.resolve(),
  };
  for (let tries = 1; ; tries += 1) {
    const plan = await agreePlan(node, settings, shown, desk);
    const blockers = blockersIn(plan.findings);
    if (blockers.length === 0) return plan;
    const refusal = ApplicationFailure.nonRetryable(describeFindings(blockers), ErrorType.Refused);
    if (settings.policy.dryRun) throw refusal;
    await desk.recovery.choose(refusal, trouble, tries);
  }
}

/**
 * The plan that is carried out: made from the world after the last approval and the last pause, however long they took.
 * A person is asked again when the world has moved on since what was approved.
 *
 * @param shown The plan that was shown before, which counts as approved where one approval is enough for all nodes.
 */
async function agreePlan(
  node: string,
  settings: RollSettings,
  shown: NodePlan | null,
  { journal, operator, onPlan, approved: shownIsApproved }: PlanDesk,
): Promise<NodePlan> {
  const { approval, dryRun, timeouts } = settings.policy;
  let approved = approval === 'plan' || shownIsApproved ? shown : null;
  let last = shown;
  for (;;) {
    await operator.safePoint();
    journal.enter('checking');
    const plan = await planOf(node, settings);
    onPlan(plan);
    for (const change of last ? describeDrift(last, plan) : []) journal.warn(`since the plan: ${change}`);
    last = plan;
    if (dryRun || plan.action === 'skip' || blockersIn(plan.findings).length > 0) return plan;

    const drift = approved ? describeDrift(approved, plan) : [];
    if (approval !== 'none' && (approved === null || drift.length > 0)) {
      journal.enter('awaiting-approval');
      const what = drift.length > 0 ? `approve ${node}, which changed: ${drift.join(', ')}` : `approve ${node}`;
      await operator.awaitApproval(what, timeouts.approval);
      approved = plan;
      continue;
    }
    operator.stopIfAsked();
    if (!operator.paused) return plan;
  }
}

async function planOf(node: string, settings: RollSettings): Promise<NodePlan> {
  const plan = nodePlanIn(await makePlan(settings), node);
  if (plan) return plan;
  throw ApplicationFailure.nonRetryable(`nodes: ${node} is not part of the plan`, ErrorType.InvalidInput);
}

/**
 * Warns of what was found on the node. What is found about the cluster, a roll says once for all its nodes.
 *
 * @param shown The plan that the roll has shown; null when the node is updated alone.
 */
export function remark(plan: NodePlan | null, shown: NodePlan | null, journal: NodeJournal): void {
  const told = (plan?.findings ?? []).filter((finding) => shown === null || finding.node === plan?.node);
  for (const each of remarksIn(told)) journal.warn(each);
}
