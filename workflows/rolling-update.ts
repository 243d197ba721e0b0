import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowCancellationType,
  isCancellation,
  ParentClosePolicy,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { ErrorType } from '../domain/errors.ts';
import { updateNodeId } from '../domain/ids.ts';
import type { NodePlan, RollPlan } from '../domain/plan.ts';
import type { PolicyOverrides, RollSettings } from '../domain/policy.ts';
import type { NodeReport, RollOutcome, RollReport } from '../domain/report.ts';
import { planRoll, refusalsOf } from '../planning/plan-roll.ts';
import { nodeProgressSignal, rollPlanQuery, rollProgressQuery, rollReportQuery, skipNodeUpdate } from './messages.ts';
import { quickActivities } from './steps/activities.ts';
import { explain, failureType, nodeReportIn } from './steps/failures.ts';
import { listenToOperator, type Operator } from './steps/operator.ts';
import { createRollJournal, type RollJournal } from './steps/roll-journal.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';
import { updateNode } from './update-node.ts';

/**
 * Updates the nodes of the cluster one after the other and stops the line at the first that does not come back well.
 *
 * Without input everything comes from the configuration; any part of the policy can be given instead. A dry run is the
 * same code up to the plan. Each node is a child run, planned anew when its turn comes.
 *
 * Fails with `InvalidInput`, or with `Refused`, `Aborted` or `RollFailed` that carry the RollReport as first detail.
 */
export async function rollingUpdate(input: PolicyOverrides | null = null): Promise<RollReport> {
  const skipped = new Set<string>();
  const journal = createRollJournal(() => operator);
  setHandler(rollPlanQuery, () => journal.plan(), { description: 'Nodes in their order, moves, refusals, forecast.' });
  setHandler(rollProgressQuery, () => journal.progress(), {
    description: 'Phases of the nodes and places of the guests.',
  });
  setHandler(rollReportQuery, () => journal.ended(), { description: 'How it ended; null before.' });
  setHandler(nodeProgressSignal, (news) => journal.node(news), { description: 'Sent by the run of a node.' });
  setHandler(skipNodeUpdate, (node) => skip(node, journal, skipped), {
    description: 'Leave out a node whose turn has not come. Argument: its name.',
  });
  const operator = listenToOperator(() => journal.show());
  describeRun('rolling-update');

  return CancellationScope.nonCancellable(async () => {
    const conclude = (outcome: RollOutcome, reason: string): RollReport => {
      describeOutcome(outcome);
      return journal.end(outcome, reason);
    };
    const desk = { journal, operator, conclude };
    const settings = await quickActivities()
      .loadRollSettings(input ?? {})
      .catch((error: unknown) => {
        describeOutcome('failed');
        throw error;
      });
    const plan = await planNow(settings).catch((error: unknown) => {
      throw endBadly(error, desk);
    });
    journal.planned(plan);

    const refusals = refusalsOf(plan);
    if (settings.policy.dryRun) return conclude('planned', describePlan(plan, refusals.length));
    if (refusals.length > 0) {
      const why = refusals.map((refusal) => `${refusal.message}; ${refusal.remedy}`).join(' | ');
      throw fail(ErrorType.Refused, `Nothing was touched: ${why}.`, conclude('refused', why));
    }
    if (plan.nodes.every((node) => node.action === 'skip'))
      return conclude('nothing-to-do', 'every node is up to date');

    try {
      if (settings.policy.approval === 'plan') {
        await operator.awaitApproval('approve the plan', settings.policy.timeouts.approval);
      }
      for (const node of plan.nodes) {
        await operator.safePoint();
        if (skipped.has(node.node)) {
          journal.finished(skippedReport(node.node));
          continue;
        }
        journal.started(node.node);
        journal.finished(await updateOne(node, input, operator));
      }
    } catch (error) {
      throw endBadly(error, desk);
    }
    return conclude('done', describeEnd(journal.finishedNodes()));
  });
}

/** Packages and kernels of the nodes that answer, and the plan made from them. */
async function planNow(settings: RollSettings): Promise<RollPlan> {
  const quick = quickActivities(settings.policy.timeouts.workerLost);
  const wanted = settings.policy.nodes.length > 0 ? settings.policy.nodes : settings.nodes;
  const snapshot = await quick.readCluster.executeWithOptions({ summary: 'read the cluster' }, [{ leaving: wanted }]);
  const online = wanted.filter((node) => snapshot.nodes.some((each) => each.name === node && each.online));
  const software = await Promise.all(
    online.map((node) =>
      quick.readNodeSoftware.executeWithOptions({ summary: `${node}: read packages and kernels` }, [
        { node, refresh: !settings.policy.dryRun },
      ]),
    ),
  );
  return planRoll(snapshot, software, settings);
}

async function updateOne(planned: NodePlan, input: PolicyOverrides | null, operator: Operator): Promise<NodeReport> {
  const { node } = planned;
  const { runId } = workflowInfo();
  // A scope of its own, so that cancelling the roll cancels the child, which then ends after its current step.
  const scope = new CancellationScope({ cancellable: true });
  return scope.run(async () => {
    const child = await startChild(updateNode, {
      workflowId: updateNodeId(node, runId),
      args: [{ node, planned, ...(input ? { policy: input } : {}) }],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      staticSummary: `${node}: ${planned.reason}`,
    });
    const stopForwarding = operator.forwardTo(child, () => scope.cancel());
    try {
      return await child.result();
    } finally {
      stopForwarding();
    }
  });
}

function skip(node: string, journal: RollJournal, skipped: Set<string>): string {
  const known = journal.plan()?.nodes.find((each) => each.node === node);
  if (!known) {
    const names = (journal.plan()?.nodes ?? []).map((each) => each.node).join(', ');
    throw ApplicationFailure.nonRetryable(
      `node: "${node}" is not in the plan (${names || 'not made yet'})`,
      ErrorType.InvalidInput,
    );
  }
  const phase = journal.progress().nodes.find((each) => each.node === node)?.phase;
  if (phase !== 'waiting') {
    throw ApplicationFailure.nonRetryable(
      `node: ${node} is no longer waiting (${phase ?? 'unknown'}); use abort to stop after its current step`,
      ErrorType.InvalidInput,
    );
  }
  skipped.add(node);
  return `${node} will be skipped`;
}

function skippedReport(node: string): NodeReport {
  return {
    node,
    outcome: 'skipped',
    reason: 'an operator asked to skip it',
    phases: [],
    packages: [],
    reboot: null,
    guests: [],
    warnings: [],
    openUndo: [],
  };
}

interface Desk {
  readonly journal: RollJournal;
  readonly operator: Operator;
  readonly conclude: (outcome: RollOutcome, reason: string) => RollReport;
}

function endBadly(error: unknown, { journal, operator, conclude }: Desk): ApplicationFailure | CancelledFailure {
  const node = nodeReportIn(error);
  if (node) journal.finished(node);
  const reason = explain(error);
  const aborted = isCancellation(error) || failureType(error) === ErrorType.Aborted;
  const untouched = journal.finishedNodes().every((each) => each.outcome === 'refused' || each.outcome === 'skipped');
  const refused = failureType(error) === ErrorType.Refused && untouched;
  const report = conclude(aborted ? 'aborted' : refused ? 'refused' : 'failed', reason);
  if (operator.cancelled) return new CancelledFailure(reason);
  return fail(aborted ? ErrorType.Aborted : refused ? ErrorType.Refused : ErrorType.RollFailed, reason, report, error);
}

function fail(type: ErrorType, message: string, report: RollReport, cause?: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: true,
    details: [report],
    ...(cause instanceof Error ? { cause } : {}),
  });
}

function describePlan(plan: RollPlan, refusals: number): string {
  const busy = plan.nodes.filter((node) => node.action !== 'skip').length;
  const verdict = refusals > 0 ? `it would be refused for ${refusals} reason${refusals === 1 ? '' : 's'}` : 'it may go';
  return `dry run: ${busy} of ${plan.nodes.length} nodes have something to do, and ${verdict}`;
}

function describeEnd(nodes: readonly NodeReport[]): string {
  const updated = nodes.filter((node) => node.outcome === 'updated');
  const rebooted = updated.filter((node) => node.reboot !== null).length;
  return `${updated.length} of ${nodes.length} nodes updated, ${rebooted} rebooted`;
}
