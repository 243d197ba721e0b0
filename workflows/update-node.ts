import { ApplicationFailure, CancellationScope, setHandler, workflowInfo } from '@temporalio/workflow';
import type { NodeHealth } from '../domain/cluster.ts';
import { ErrorType } from '../domain/errors.ts';
import { updateNodeId } from '../domain/ids.ts';
import type { NodePlan } from '../domain/plan.ts';
import type { PolicyOverrides, RollSettings } from '../domain/policy.ts';
import type { NodeReport } from '../domain/report.ts';
import { blockersIn, remarksIn } from '../planning/findings.ts';
import { nodePlanQuery, nodeProgressQuery } from './messages.ts';
import { loadSettings, quickActivities } from './steps/activities.ts';
import { refuseOutsideWindow } from './steps/await-window.ts';
import { holdBackups } from './steps/backups.ts';
import { awaitCephWell } from './steps/ceph.ts';
import { watchDowntime, type DowntimeWatch } from './steps/downtime.ts';
import { drain, enterMaintenance } from './steps/drain.ts';
import { giveBack, giveBackAfterFailure, whyNotLeftWell } from './steps/give-back.ts';
import { leaseOf, rollOrThisRun, type Lease } from './steps/lease.ts';
import { endNodeBadly, refuseNode } from './steps/node-end.ts';
import { createNodeJournal, type NodeJournal } from './steps/node-journal.ts';
import { agreePlan } from './steps/node-plan.ts';
import type { NodeRun } from './steps/node-run.ts';
import { listenToOperator, type Operator } from './steps/operator.ts';
import { rebootIfNeeded, upgrade } from './steps/renew.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';
import { soak } from './steps/soak.ts';
import { tidy } from './steps/tidy.ts';
import { createUndoLedger } from './steps/undo-ledger.ts';

export interface UpdateNodeInput {
  readonly node: string;
  /** Parts of the policy that differ from the configuration. */
  readonly policy?: PolicyOverrides;
  /** The plan that was shown and approved; if the world has moved on since, an approval is asked for again. */
  readonly planned?: NodePlan;
  /** `planned` was approved for this node, which then had to wait for the maintenance window. */
  readonly approved?: boolean;
}

/**
 * Updates one node: maintenance on, drain, upgrade, reboot if needed, rejoin, maintenance off, guests home, soak.
 *
 * Guarantees: nothing is touched before every check has passed; the node reboots only while the others can do without
 * it; every change is on the undo list before it is made and is taken back whether the update succeeds, fails or is
 * cancelled, unless the node is too sick to take its guests. Steps are never broken off half-way: pause, abort and
 * cancel take effect between them. It has the lease of the cluster, its own or that of its roll, and does not wait for it:
 * its workflow id would be missing to the run that has it.
 *
 * Fails with `InvalidInput`, `Refused`, `OutsideWindow`, `Aborted` or `NodeUpdateFailed`; all but the first carry the NodeReport.
 */
export async function updateNode(input: UpdateNodeInput): Promise<NodeReport> {
  if (typeof (input as UpdateNodeInput | undefined)?.node !== 'string') {
    throw ApplicationFailure.nonRetryable(
      'node: name the node to update, as {"node": "pve-node1"}',
      ErrorType.InvalidInput,
    );
  }
  const { node, planned = null, approved = false } = input;
  const journal = createNodeJournal(node);
  let plan: NodePlan | null = null;
  setHandler(nodePlanQuery, () => plan, { description: 'What will be done with the node.' });
  setHandler(nodeProgressQuery, () => journal.progress(), {
    description: 'Phase of the node and places of its guests.',
  });
  const operator = listenToOperator(() => undefined);
  describeRun('node-update', node);

  // Steps come to their end before a cancellation takes effect; the operator hears it and says so at a safe point.
  return CancellationScope.nonCancellable(async () => {
    const settings = await loadSettings({ ...input.policy, nodes: [node] });
    refuseBesideAnother(node, settings.cluster, journal);
    const agreed = await agreePlan(node, settings, planned, {
      journal,
      operator,
      onPlan: (made) => (plan = made),
      approved,
    }).catch((error: unknown) => {
      throw endNodeBadly(error, { node, journal, operator }, []);
    });
    // What is found about the cluster, a roll says once for all its nodes.
    const told = agreed.findings.filter((finding) => planned === null || finding.node === node);
    for (const remark of remarksIn(told)) journal.warn(remark);
    if (blockersIn(agreed.findings).length > 0) throw refuseNode(agreed, journal);
    if (agreed.action === 'skip') {
      journal.enter('skipped');
      describeOutcome('skipped');
      return journal.report('skipped', agreed.reason, []);
    }
    if (settings.policy.dryRun) {
      describeOutcome('planned');
      return journal.report('planned', 'dry run', []);
    }
    await refuseOutsideWindow(agreed, settings.policy, (why) => {
      describeOutcome('refused');
      return journal.report('refused', why, []);
    });
    const lease = leaseOf(rollOrThisRun(), `update of ${node}`, settings, operator);
    try {
      return await carryOut(agreed, settings, { journal, operator, lease });
    } finally {
      if (!workflowInfo().parent) await lease.release();
    }
  });
}

/** The workflow id is the lock: a run under another id could be at work beside one that holds it. */
function refuseBesideAnother(node: string, cluster: string, journal: NodeJournal): void {
  const id = updateNodeId(cluster);
  if (workflowInfo().workflowId === id) return;
  describeOutcome('refused');
  const message = `${node} is not touched: this run must have the workflow id ${id}, which keeps two of them apart. Start it with that id, or use rollingUpdate with {"nodes": ["${node}"]}.`;
  throw ApplicationFailure.create({
    type: ErrorType.Refused,
    message,
    nonRetryable: true,
    details: [journal.report('refused', message, [])],
  });
}

async function carryOut(
  plan: NodePlan,
  { nodes, policy }: RollSettings,
  { journal, operator, lease }: { journal: NodeJournal; operator: Operator; lease: Lease },
): Promise<NodeReport> {
  const { node } = plan;
  const quick = quickActivities(policy.timeouts.workerLost);
  const run: NodeRun = { node, plan, policy, operator, journal, ledger: createUndoLedger(), quick };
  journal.expectGuests(plan.moves);
  await lease.require().catch((error: unknown) => {
    throw endNodeBadly(error, run, []);
  });
  const tellDowntimes = await watchDowntime(run, nodes);
  const before = await renew(run, tellDowntimes);
  journal.enter('returning');
  const open = await giveBack(run, policy.timeouts.migration);
  await tellDowntimes();
  for (const { reason } of open) journal.warn(reason);
  const broken = whyNotLeftWell(open);
  if (broken) throw endNodeBadly(broken, run, open);
  await soak(run, before).catch((error: unknown) => {
    throw endNodeBadly(error, run, open);
  });
  await tidy(run);
  journal.enter('done');
  describeOutcome('updated');
  return journal.report('updated', plan.reason, open);
}

/** Empties, upgrades and reboots the node; returns how it was before. What fails is taken back at once. */
async function renew(run: NodeRun, tellDowntimes: DowntimeWatch): Promise<NodeHealth> {
  const { node, plan, operator, quick } = run;
  let before: NodeHealth | null = null;
  try {
    before = await quick.readNodeHealth.executeWithOptions({ summary: `${node}: note its health` }, [{ node }]);
    await awaitCephWell(run);
    await holdBackups(run);
    if (plan.maintenance) await enterMaintenance(run);
    await drain(run);
    await operator.safePoint();
    if (plan.action === 'update') await upgrade(run);
    await rebootIfNeeded(run, before);
    return before;
  } catch (error) {
    const open = await giveBackAfterFailure(run, before, error);
    await tellDowntimes();
    throw endNodeBadly(error, run, open);
  }
}
