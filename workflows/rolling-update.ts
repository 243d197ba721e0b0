import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  setHandler,
  startChild,
} from '@temporalio/workflow';
import { ErrorType } from '../domain/errors.ts';
import { updateNodeId } from '../domain/ids.ts';
import type { NodePlan, RollPlan } from '../domain/plan.ts';
import type { PolicyOverrides, RollSettings } from '../domain/policy.ts';
import type { NodeReport, RollReport } from '../domain/report.ts';
import { blockersIn, findingsOf } from '../planning/findings.ts';
import { nodeProgressSignal, rollPlanQuery, rollProgressQuery, rollReportQuery, undoQuery } from './messages.ts';
import { loadSettings } from './steps/activities.ts';
import { listenToGoNow } from './steps/await-window.ts';
import { leaseOf, thisRun, type Lease } from './steps/lease.ts';
import { mailReport } from './steps/mail-report.ts';
import { makePlan } from './steps/make-plan.ts';
import { listenToOperator } from './steps/operator.ts';
import { conclude, describeEnd, describePlan, endRollBadly, refuseRoll } from './steps/roll-end.ts';
import { createRollJournal, type RollJournal } from './steps/roll-journal.ts';
import { describeRun } from './steps/run-attributes.ts';
import { runChild } from './steps/run-child.ts';
import { makeSweptPlan, type SweptPlan } from './steps/sweep.ts';
import { listenToSkips } from './steps/skip-list.ts';
import { takeTurn, type Turn } from './steps/take-turn.ts';
import { updateNode, type UpdateNodeInput } from './update-node.ts';

/**
 * Updates the nodes of the cluster one after the other and stops the line at the first that does not come back well.
 *
 * Without input everything comes from the configuration; any part of the policy can be given instead. A dry run is the
 * same code up to the plan. Each node is a child run, planned anew when its turn comes. At the end of a maintenance window
 * the roll stops between two nodes and goes on in the next. It has the lease of the cluster, for which it waits its turn,
 * while it plans and from its first node on, but not while it waits for a window or for a person who agrees to its plan.
 *
 * Fails with `InvalidInput`, or with `Refused`, `Aborted` or `RollFailed` that carry the RollReport as first detail.
 */
export async function rollingUpdate(input: PolicyOverrides | null = null): Promise<RollReport> {
  const journal = createRollJournal(() => operator);
  setHandler(rollPlanQuery, () => journal.plan(), { description: 'Nodes in their order, moves, findings, forecast.' });
  setHandler(rollProgressQuery, () => journal.progress(), {
    description: 'Phases of the nodes and places of the guests.',
  });
  setHandler(rollReportQuery, () => journal.ended(), { description: 'How it ended; null before.' });
  setHandler(nodeProgressSignal, (news) => journal.node(news), { description: 'Sent by the run of a node.' });
  setHandler(undoQuery, () => journal.progress().nodes.flatMap(({ undo }) => undo), {
    description: 'What is to be undone on its nodes, as of their last phase.',
  });
  const skipped = listenToSkips(journal);
  const goNow = listenToGoNow(journal);
  const operator = listenToOperator(() => journal.show(), {
    approval: () => journal.progress().nodes.some(({ phase }) => phase === 'awaiting-approval'),
    question: () => journal.question(),
  });
  describeRun('rolling-update');

  // Steps come to their end before a cancellation takes effect; the operator hears it and says so at a safe point.
  return CancellationScope.nonCancellable(async () => {
    const settings = await loadSettings(input ?? {});
    journal.opened(settings.cluster);
    goNow.among(settings.policy.windows);
    const lease = leaseOf(thisRun(), 'rolling update', settings, operator);
    try {
      const { plan, swept } = await planInTurn(settings, lease, journal.warn);
      journal.planned(plan);
      const blockers = blockersIn(findingsOf(plan));
      if (settings.policy.dryRun) return conclude(journal, 'planned', describePlan(plan, blockers.length));
      if (blockers.length > 0) throw refuseRoll(journal, blockers, swept);
      if (plan.nodes.every((node) => node.action === 'skip')) {
        return conclude(journal, 'nothing-to-do', 'every node is up to date');
      }
      await updateInTurn(plan, { input: input ?? {}, settings, journal, operator, skipped, goNow, lease });
      return conclude(journal, 'done', describeEnd(journal.finishedNodes()));
    } catch (error) {
      throw journal.ended() ? error : endRollBadly(error, journal, operator);
    } finally {
      if (!settings.policy.dryRun) await lease.release();
      await mailReport(journal.ended());
    }
  });
}

/**
 * What another run does to the cluster just now would stand in the way of this one, and be no news by its turn. A dry run
 * tells the cluster as it is.
 */
async function planInTurn(settings: RollSettings, lease: Lease, warn: RollJournal['warn']): Promise<SweptPlan> {
  const { dryRun, approval, timeouts } = settings.policy;
  if (dryRun) return { plan: await makePlan(settings), swept: [] };
  await lease.hold(timeouts.lease);
  const made = await makeSweptPlan(settings, warn);
  // Nobody shall wait for a person who has not agreed to anything yet.
  if (approval !== 'none') await lease.release();
  return made;
}

interface Roll extends Turn {
  readonly input: PolicyOverrides;
}

async function updateInTurn(plan: RollPlan, roll: Roll): Promise<void> {
  const { settings, journal, operator } = roll;
  if (settings.policy.approval === 'plan') {
    await operator.awaitApproval('approve the plan', settings.policy.timeouts.approval);
  }
  for (const { node } of plan.nodes) {
    journal.finished(await takeTurn(node, roll, (planned, approved) => updateOne(planned, approved, roll)));
  }
}

async function updateOne(
  planned: NodePlan,
  approved: boolean,
  { settings, operator, input, goNow }: Roll,
): Promise<NodeReport> {
  const policy = goNow.asked ? { ...input, windows: [] } : input;
  const own = { node: planned.node, planned, approved, policy, lease: thisRun() };
  return runChild(operator, 'cancel', () => startNode(own, settings.cluster));
}

async function startNode(input: UpdateNodeInput & { planned: NodePlan }, cluster: string) {
  const { node, planned } = input;
  const workflowId = updateNodeId(cluster);
  try {
    return await startChild(updateNode, {
      workflowId,
      args: [input],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      staticSummary: `${node}: ${planned.reason}`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw ApplicationFailure.create({
      type: ErrorType.Refused,
      message: `${node} is not touched: ${workflowId} updates a node of this cluster already. Wait for it, or cancel it.`,
      nonRetryable: true,
    });
  }
}
