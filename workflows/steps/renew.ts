import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { NodeHealth, NodeSoftware } from '../../domain/cluster.ts';
import { ErrorType } from '../../domain/errors.ts';
import { remoteJobId } from '../../domain/ids.ts';
import { othersAway, reasonsNotToDisturb } from '../../planning/before-disturbing.ts';
import { needsReboot, nextKernel } from '../../planning/kernels.ts';
import { waitingActivities } from './activities.ts';
import { letBackupsEnd } from './backups.ts';
import { armCanary, beginTrial } from './canary.ts';
import { awaitCephRecovered, prepareCeph } from './ceph.ts';
import { disarmIfItWouldFence } from './disarm.ts';
import { failureType } from './failures.ts';
import type { NodeRun } from './node-run.ts';
import { recovering } from './recover.ts';
import { look, nodeTrouble, notYet } from './trouble.ts';
import { awaitUpgradeOver } from './well-enough.ts';

/** Upgrades all packages, as one job on the node that outlives us and is never started twice. */
export async function upgrade(run: NodeRun): Promise<void> {
  const { node, policy, journal } = run;
  await lookAgain(run, 'upgraded', 'Nothing was changed on it');
  journal.enter('upgrading');
  const within = policy.timeouts.upgrade;
  const again = async () => {
    const upgradeJob = run.upgradeJobs.at(-1) ?? null;
    await awaitUpgradeOver({ node, timeouts: policy.timeouts, upgradeJob }, within);
    await lookAgain(run, 'upgraded', 'Its last upgrade failed');
  };
  const result = await recovering(run.recovery, nodeTrouble(run, 'upgrade', again), (tries) => {
    const jobId = upgradeJobId(tries);
    run.upgradeJobs.push(jobId);
    return waitingActivities(policy.timeouts, within).upgradeNode.executeWithOptions(
      { summary: `${node}: upgrade ${run.plan.packages.length} packages` },
      [{ node, jobId, within }],
    );
  });
  journal.upgraded(result.packages);
}

/** A failed upgrade that is tried again is a new job; each job is the same for every attempt of its activity. */
function upgradeJobId(tries: number): string {
  return remoteJobId(tries === 1 ? 'upgrade' : `upgrade-try-${tries}`, workflowInfo().firstExecutionRunId);
}

/** Decides from the live node, not from the plan: the upgrade may have brought another kernel than expected. */
export async function rebootIfNeeded(run: NodeRun, before: NodeHealth): Promise<void> {
  const { node, policy, journal, quick } = run;
  const software = await quick.readNodeSoftware.executeWithOptions(
    { summary: `${node}: read kernels after the upgrade` },
    [{ node, refresh: false }],
  );
  const due = needsReboot(software.kernels);
  if (policy.reboot === 'always' || (due && policy.reboot === 'if-needed')) {
    await reboot(run, before, software);
    return;
  }
  if (due) {
    const { running } = software.kernels;
    journal.warn(`${node} still runs ${running}; ${nextKernel(software.kernels)} waits for a reboot`);
  }
  await rejoin(run, before, { bootIdBefore: null, kernel: null });
}

/** What was true when the plan was made may have changed during a pause or a long step. */
async function lookAgain(
  { node, plan, policy, quick }: NodeRun,
  step: 'upgraded' | 'rebooted',
  soFar: string,
): Promise<void> {
  const snapshot = await quick.readCluster.executeWithOptions(
    { summary: `${node}: look at the cluster again before it is ${step}` },
    [{ leaving: [node] }],
  );
  const disarmHa = step === 'upgraded' ? policy.disarmHa : 'never';
  const reasons = reasonsNotToDisturb(snapshot, node, plan.moves, disarmHa);
  if (reasons.length === 0) return;
  throw ApplicationFailure.create({
    type: ErrorType.PlanChanged,
    message: `${node} is not ${step}: ${reasons.join('; ')}. ${soFar}; start again when this is mended.`,
    nonRetryable: true,
  });
}

async function reboot(run: NodeRun, before: NodeHealth, software: NodeSoftware): Promise<void> {
  const { node, operator, journal, ledger, plan } = run;
  await operator.safePoint();
  await prepareReboot(run, software);

  // Guests that stay go down with the node; not all of them are started by the boot itself.
  for (const { vmid, kind, name, how, startupOrder } of plan.moves) {
    if (how === 'leave') ledger.add({ kind: 'guest-stopped', vmid, guestKind: kind, name, home: node, startupOrder });
  }
  if (plan.quorum.verdict === 'read-only-while-away') journal.warn(plan.quorum.explanation);
  journal.enter('rebooting');
  const kernel = nextKernel(software.kernels);
  const again = () => prepareAnotherReboot(run, software);
  const after = await recovering(run.recovery, nodeTrouble(run, 'reboot', again), () =>
    askForReboot(run, software, kernel),
  );
  journal.rebooted({
    bootIdBefore: software.bootId,
    bootIdAfter: after.bootId,
    kernelBefore: software.kernels.running,
    kernelAfter: after.runningKernel,
    ...(beginTrial(run, after.runningKernel) && { canary: 'on-trial' as const }),
  });
  await rejoin(run, before, { bootIdBefore: software.bootId, kernel });
}

/** What has to be so right before a node is asked to reboot. */
async function prepareReboot(run: NodeRun, software: NodeSoftware): Promise<void> {
  await letBackupsEnd(run);
  await prepareCeph(run);
  await disarmIfItWouldFence(run);
  await armCanary(run, software);
  await lookAgain(run, 'rebooted', 'Its upgrade is done');
}

/** A node that is away already costs no quorum any more, but must not be asked to reboot beside another one. */
async function prepareAnotherReboot(run: NodeRun, software: NodeSoftware): Promise<void> {
  const { node } = run;
  const snapshot = await look(run);
  if (snapshot.nodes.some((each) => each.name === node && each.online)) return prepareReboot(run, software);
  const reasons = othersAway(snapshot, node);
  if (reasons.length > 0) throw notYet(node, reasons);
}

async function askForReboot({ node, policy, reboot }: NodeRun, { bootId }: NodeSoftware, kernel: string) {
  const { reboot: within } = policy.timeouts;
  const { mayStillEnd } = reboot;
  reboot.mayStillEnd = bootId;
  try {
    const after = await waitingActivities(policy.timeouts, within).rebootNode.executeWithOptions(
      { summary: `${node}: reboot into ${kernel}` },
      [{ node, bootId, within }],
    );
    reboot.mayStillEnd = null;
    return after;
  } catch (error) {
    // A request that is refused now does not take back an earlier one that was not.
    if (failureType(error) === ErrorType.RemoteRefused) reboot.mayStillEnd = mayStillEnd;
    throw error;
  }
}

/** Waits until the node is a full member, with all that it had `before`. */
export async function rejoin(
  run: NodeRun,
  before: NodeHealth,
  proof: { readonly bootIdBefore: string | null; readonly kernel: string | null },
): Promise<void> {
  const { node, policy, journal } = run;
  journal.enter('rejoining');
  const within = policy.timeouts.rejoin;
  const expected = { ...proof, services: before.activeServices, storages: before.activeStorages };
  // To wait once more disturbs nobody, so nothing has to be looked at first.
  await recovering(
    run.recovery,
    nodeTrouble(run, 'rejoin', () => Promise.resolve()),
    () =>
      waitingActivities(policy.timeouts, within).awaitRejoin.executeWithOptions(
        { summary: `${node}: wait until it is a full member` },
        [{ node, expected, within }],
      ),
  );
  await awaitCephRecovered(run);
}
