import { ApplicationFailure, CancellationScope, setHandler } from '@temporalio/workflow';
import type { NodeHealth } from '../domain/cluster.ts';
import { ErrorType } from '../domain/errors.ts';
import type { RunRef } from '../domain/lease.ts';
import type { NodePlan } from '../domain/plan.ts';
import type { PolicyOverrides, RollSettings } from '../domain/policy.ts';
import type { NodeReport } from '../domain/report.ts';
import { isOnTrial } from '../planning/canary.ts';
import { blockersIn } from '../planning/findings.ts';
import { nodePlanQuery } from './messages.ts';
import { loadSettings } from './steps/activities.ts';
import { refuseOutsideWindow } from './steps/await-window.ts';
import { holdBackups } from './steps/backups.ts';
import { keepKernel } from './steps/canary.ts';
import { awaitCephWell } from './steps/ceph.ts';
import { watchDowntime, type DowntimeWatch } from './steps/downtime.ts';
import { drain, enterMaintenance } from './steps/drain.ts';
import { failureType } from './steps/failures.ts';
import { giveBack, giveBackAfterFailure, whyNotLeftWell } from './steps/give-back.ts';
import { leaseOf, thisRun, type Lease } from './steps/lease.ts';
import { leaveForLater } from './steps/leave-for-later.ts';
import { endNodeBadly, endOrLeaveOut, endUntouched, refuseBesideAnother, refuseNode } from './steps/node-end.ts';
import { createNodeJournal } from './steps/node-journal.ts';
import { agreeSafePlan, remark } from './steps/node-plan.ts';
import { createNodeRun, type NodeDesk, type NodeRun } from './steps/node-run.ts';
import { listenToOperator } from './steps/operator.ts';
import { createRecovery } from './steps/recover.ts';
import { rebootIfNeeded, upgrade } from './steps/renew.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';
import { soak } from './steps/soak.ts';
import { tidy } from './steps/tidy.ts';

export interface UpdateNodeInput {
  readonly node: string;
  /** Parts of the policy that differ from the configuration. */
  readonly policy?: PolicyOverrides;
  /** The plan that was shown and approved; if the world has moved on since, an approval is asked for again. */
  readonly planned?: NodePlan;
  /** `planned` was approved for this node, which then had to wait for the maintenance window. */
  readonly approved?: boolean;
  /** Who has the lease of the cluster for it; it asks for itself otherwise. */
  readonly lease?: RunRef;
}

/**
 * Updates one node: maintenance on, drain, upgrade, reboot if needed, rejoin, maintenance off, guests home, soak.
 *
 * Guarantees: nothing is touched before every check has passed; the node reboots only while the others can do without
 * it; every change is on the undo list before it is made and is taken back whether the update succeeds, fails or is
 * cancelled, unless the node is too sick to take its guests: then `undoLater` goes on trying. Steps are never broken off half-way: pause, abort and
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
  const operator = listenToOperator(() => undefined);
  describeRun('node-update', node);

  // Steps come to their end before a cancellation takes effect; the operator hears it and says so at a safe point.
  return CancellationScope.nonCancellable(async () => {
    const settings = await loadSettings({ ...input.policy, nodes: [node] });
    refuseBesideAnother(node, settings.cluster, journal);
    const recovery = createRecovery({ node, policy: settings.policy, journal, operator });
    let agreed: NodePlan;
    try {
      const onPlan = (made: NodePlan) => (plan = made);
      const desk = { journal, operator, recovery, onPlan, approved };
      agreed = await agreeSafePlan(node, settings, planned, desk);
    } catch (error) {
      remark(plan, planned, journal);
      const refused = failureType(error) === ErrorType.Refused;
      if (refused && plan !== null && blockersIn(plan.findings).length > 0) throw refuseNode(plan, journal);
      return endOrLeaveOut(error, { node, journal, operator }, []);
    }
    remark(agreed, planned, journal);
    const untouched = endUntouched(agreed, settings.policy, journal);
    if (untouched) return untouched;
    await refuseOutsideWindow(agreed, settings.policy, (why) => {
      describeOutcome('refused');
      return journal.report('refused', why, []);
    });
    const lease = leaseOf(input.lease ?? thisRun(), `update of ${node}`, settings, operator);
    try {
      return await carryOut(agreed, settings, { journal, operator, recovery, lease });
    } finally {
      if (!input.lease) await lease.release();
    }
  });
}

async function carryOut(
  plan: NodePlan,
  settings: RollSettings,
  desk: NodeDesk & { readonly lease: Lease },
): Promise<NodeReport> {
  const { journal, lease } = desk;
  const run = createNodeRun(plan, settings, desk);
  journal.expectGuests(plan.moves);
  await lease.require().catch((error: unknown) => {
    throw endNodeBadly(error, run, []);
  });
  const tellDowntimes = await watchDowntime(run, settings.nodes);
  const before = await renew(run, tellDowntimes);
  if ('outcome' in before) return before;
  journal.enter('returning');
  await giveBack(run, run.policy.timeouts.migration, (undo) => !isOnTrial(undo));
  const open = run.ledger.left().filter(({ undo }) => !isOnTrial(undo));
  await leaveForLater(run, before, open);
  await tellDowntimes();
  for (const { reason } of open) journal.warn(reason);
  try {
    const broken = whyNotLeftWell(open);
    if (broken) throw broken;
    await soak(run, before);
  } catch (error) {
    const onTrial = run.ledger.left().filter(({ undo }) => isOnTrial(undo));
    await leaveForLater(run, before, onTrial);
    throw endNodeBadly(error, run, run.ledger.left());
  }
  await keepKernel(run, before);
  await tidy(run);
  journal.enter('done');
  describeOutcome('updated');
  return journal.report('updated', plan.reason, run.ledger.left());
}

/**
 * Empties, upgrades and reboots the node; returns how it was before. What fails is taken back at once; a node that is
 * left out then has its report already.
 */
async function renew(run: NodeRun, tellDowntimes: DowntimeWatch): Promise<NodeHealth | NodeReport> {
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
    await giveBackAfterFailure(run, before);
    await leaveForLater(run, before);
    await tellDowntimes();
    return endOrLeaveOut(error, run, run.ledger.left());
  }
}
