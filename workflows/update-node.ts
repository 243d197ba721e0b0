import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { NodeHealth } from '../domain/cluster.ts';
import { ErrorType } from '../domain/errors.ts';
import type { NodePlan } from '../domain/plan.ts';
import type { PolicyOverrides, RollSettings } from '../domain/policy.ts';
import type { NodeOutcome, NodeReport } from '../domain/report.ts';
import { describeDrift, planRoll } from '../planning/plan-roll.ts';
import { nodePlanQuery, nodeProgressQuery } from './messages.ts';
import { quickActivities } from './steps/activities.ts';
import { drain, enterMaintenance } from './steps/drain.ts';
import { explain, failureType } from './steps/failures.ts';
import { giveBack, giveBackAfterFailure } from './steps/give-back.ts';
import { createNodeJournal, type NodeJournal } from './steps/node-journal.ts';
import type { NodeRun } from './steps/node-run.ts';
import { listenToOperator, type Operator } from './steps/operator.ts';
import { rebootIfNeeded, upgrade } from './steps/renew.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';
import { createUndoLedger } from './steps/undo-ledger.ts';

export interface UpdateNodeInput {
  readonly node: string;
  /** Parts of the policy that differ from the configuration. */
  readonly policy?: PolicyOverrides;
  /** The plan that was shown and approved; if the world has moved on since, an approval is asked for again. */
  readonly planned?: NodePlan;
}

/**
 * Updates one node: maintenance on, drain, upgrade, reboot if needed, rejoin, maintenance off, guests home.
 *
 * Guarantees: nothing is touched before every check has passed; the node reboots only while the others can do without
 * it; every change is on the undo list before it is made and is taken back whether the update succeeds, fails or is
 * cancelled, unless the node is too sick to take its guests. Steps are never broken off half-way: pause, abort and
 * cancel take effect between them.
 *
 * Fails with `InvalidInput`, `Refused`, `Aborted` or `NodeUpdateFailed`; all but the first carry the NodeReport.
 */
export async function updateNode(input: UpdateNodeInput): Promise<NodeReport> {
  if (typeof (input as UpdateNodeInput | undefined)?.node !== 'string') {
    throw ApplicationFailure.nonRetryable(
      'node: name the node to update, as {"node": "pve-node1"}',
      ErrorType.InvalidInput,
    );
  }
  const { node } = input;
  const journal = createNodeJournal(node);
  let plan: NodePlan | null = null;
  setHandler(nodePlanQuery, () => plan, { description: 'What will be done with the node.' });
  setHandler(nodeProgressQuery, () => journal.progress(), {
    description: 'Phase of the node and places of its guests.',
  });
  const operator = listenToOperator(() => undefined);
  describeRun('node-update', node);

  return CancellationScope.nonCancellable(async () => {
    journal.enter('checking');
    const settings = await quickActivities().loadRollSettings({ ...input.policy, nodes: [node] });
    plan = await planNow(node, settings);
    return carryOut(plan, settings, { input, journal, operator });
  });
}

/** The plan from the world as it is now. */
async function planNow(node: string, settings: RollSettings): Promise<NodePlan> {
  const quick = quickActivities(settings.policy.timeouts.workerLost);
  const snapshot = await quick.readCluster.executeWithOptions({ summary: `${node}: check the cluster` }, [
    { leaving: [node] },
  ]);
  const online = snapshot.nodes.some((each) => each.name === node && each.online);
  const software = online
    ? [
        await quick.readNodeSoftware.executeWithOptions({ summary: `${node}: read packages and kernels` }, [
          { node, refresh: !settings.policy.dryRun },
        ]),
      ]
    : [];
  const [plan] = planRoll(snapshot, software, settings).nodes;
  if (!plan) throw ApplicationFailure.nonRetryable(`nodes: ${node} is not part of the plan`, ErrorType.InvalidInput);
  return plan;
}

interface Desk {
  readonly input: UpdateNodeInput;
  readonly journal: NodeJournal;
  readonly operator: Operator;
}

async function carryOut(
  plan: NodePlan,
  settings: RollSettings,
  { input, journal, operator }: Desk,
): Promise<NodeReport> {
  const { node } = plan;
  const { policy } = settings;
  const ledger = createUndoLedger();
  const run: NodeRun = {
    node,
    plan,
    policy,
    operator,
    journal,
    ledger,
    quick: quickActivities(policy.timeouts.workerLost),
  };
  const end = (outcome: NodeOutcome, reason: string): NodeReport => {
    describeOutcome(outcome);
    return journal.report(outcome, reason, []);
  };

  for (const warning of plan.warnings) journal.warn(warning);
  if (plan.refusals.length > 0) return refuse(run);
  if (plan.action === 'skip') {
    journal.enter('skipped');
    return end('skipped', plan.reason);
  }
  if (policy.dryRun) return end('planned', 'dry run');
  journal.expectGuests(plan.moves);

  let before: NodeHealth | null = null;
  try {
    await approve(run, input.planned);
    const health = await run.quick.readNodeHealth.executeWithOptions({ summary: `${node}: note its health` }, [
      { node },
    ]);
    before = health;
    await operator.safePoint();
    if (plan.maintenance) await enterMaintenance(run);
    await drain(run);
    await operator.safePoint();
    if (plan.action === 'update') await upgrade(run);
    await rebootIfNeeded(run, health);

    journal.enter('returning');
    const open = await giveBack(run, policy.timeouts.migration);
    for (const { reason } of open) journal.warn(reason);
    journal.enter('done');
    describeOutcome('updated');
    return journal.report('updated', plan.reason, open);
  } catch (error) {
    return await endBadly(run, before, error);
  }
}

function refuse(run: NodeRun): never {
  run.journal.enter('failed');
  describeOutcome('refused');
  const why = run.plan.refusals.map((refusal) => `${refusal.message}; ${refusal.remedy}`).join(' | ');
  throw ApplicationFailure.create({
    type: ErrorType.Refused,
    message: `${run.node} is not touched: ${why}.`,
    nonRetryable: true,
    details: [run.journal.report('refused', why, [])],
  });
}

async function approve({ node, plan, policy, operator, journal }: NodeRun, planned?: NodePlan): Promise<void> {
  const drift = planned ? describeDrift(planned, plan) : [];
  for (const change of drift) journal.warn(`since the plan: ${change}`);
  const asked = policy.approval === 'every-node' || (policy.approval === 'plan' && (!planned || drift.length > 0));
  if (!asked) return;
  journal.enter('awaiting-approval');
  const question = drift.length > 0 ? `approve ${node}, which changed: ${drift.join(', ')}` : `approve ${node}`;
  await operator.awaitApproval(question, policy.timeouts.approval);
}

async function endBadly(run: NodeRun, before: NodeHealth | null, error: unknown): Promise<never> {
  const open = await giveBackAfterFailure(run, before);
  run.journal.enter('failed');
  const aborted = isCancellation(error) || failureType(error) === ErrorType.Aborted;
  const refused = failureType(error) === ErrorType.Refused;
  const outcome = aborted ? 'aborted' : refused ? 'refused' : 'failed';
  describeOutcome(outcome);
  const reason = explain(error);
  const report = run.journal.report(outcome, reason, open);
  // Temporal drops the details of a cancellation, and a parent has to know what is left to be undone.
  if (run.operator.cancelled && !workflowInfo().parent) throw new CancelledFailure(reason);
  throw ApplicationFailure.create({
    type: aborted ? ErrorType.Aborted : refused ? ErrorType.Refused : ErrorType.NodeUpdateFailed,
    message: `${run.node}: ${reason}`,
    nonRetryable: true,
    details: [report],
    ...(error instanceof Error ? { cause: error } : {}),
  });
}
