import { ApplicationFailure, CancellationScope } from '@temporalio/workflow';
import { ErrorType } from '../domain/errors.ts';
import type { RunRef } from '../domain/lease.ts';
import type { HostReport, PatchOverrides } from '../domain/patch.ts';
import { loadHostSettings } from './steps/activities.ts';
import { explain, isAskedFor } from './steps/failures.ts';
import { endBadly, hostFailure, tellPlan } from './steps/host-end.ts';
import { createHostJournal } from './steps/host-journal.ts';
import { createHostRun, type HostBefore, type HostRun } from './steps/host-run.ts';
import { takeSnapshot, type HostSnapshot } from './steps/host-snapshot.ts';
import { leaseOf, PATCH_AGAIN, thisRun } from './steps/lease.ts';
import { lookAtHost } from './steps/look-at-host.ts';
import { listenToOperator } from './steps/operator.ts';
import { listenToRebootChoice } from './steps/reboot-choice.ts';
import { rebootHostIfNeeded, upgradeHost } from './steps/renew-host.ts';
import { rollBackHost, wantsRollBack } from './steps/roll-back-host.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';
import { verifyHost } from './steps/verify-host.ts';

export interface PatchHostInput {
  /** Name of a host of the configuration. */
  readonly host: string;
  /** Parts of the policy that differ from the configuration. */
  readonly policy?: PatchOverrides;
  /** The run that has the lease of the cluster for this one; absent: it asks for itself. */
  readonly lease?: RunRef;
}

/**
 * Patches one Debian or Ubuntu host: look, snapshot, upgrade, reboot if it wants one, prove that all is as well as before;
 * else take it back to its snapshot.
 *
 * Guarantees: it is the guest that the inventory means, and its partners answer; the upgrade is one job on the host that is
 * never started twice; a reboot counts when the host is in another boot; the snapshot is removed in any case, unless it is
 * a person's way back. Steps are never broken off half-way: pause, abort and cancel take effect between them.
 *
 * Fails with `InvalidInput`, or with `Aborted` or `HostPatchFailed` that carry the HostReport as first detail.
 */
export async function patchHost(input: PatchHostInput): Promise<HostReport> {
  const name = (input as Partial<PatchHostInput> | undefined)?.host;
  if (typeof name !== 'string') {
    throw ApplicationFailure.nonRetryable('host: name the host, as {"host": "pihole-1"}', ErrorType.InvalidInput);
  }
  const journal = createHostJournal(name, () => operator);
  const operator = listenToOperator(() => journal.show());
  const choice = listenToRebootChoice(name);
  describeRun('host-patch', name);

  // Steps come to their end before a cancellation takes effect; the operator hears it and says so at a safe point.
  return CancellationScope.nonCancellable(async () => {
    const settings = await loadHostSettings(name, input.policy ?? {});
    const { policy } = settings;
    const lease = leaseOf(input.lease ?? thisRun(), `patching of ${name}`, settings, operator, PATCH_AGAIN);
    const run = createHostRun(settings, { journal, operator, choice, lease });
    try {
      if (!policy.dryRun && input.lease === undefined) {
        journal.enter('waiting-for-its-turn');
        await lease.hold(policy.timeouts.lease);
        journal.enter('looking');
      }
      const before = await lookAtHost(run);
      const report =
        'reason' in before
          ? journal.end('skipped', before.reason, before.remedy)
          : policy.dryRun
            ? tellPlan(run, before)
            : await carryOut(run, before);
      describeOutcome(report.outcome);
      return report;
    } catch (error) {
      throw endBadly(error, run);
    } finally {
      if (input.lease === undefined && !policy.dryRun) await lease.release();
    }
  });
}

async function carryOut(run: HostRun, before: HostBefore): Promise<HostReport> {
  const { journal, operator, lease } = run;
  await operator.safePoint();
  await lease.require();
  const snapshot = await takeSnapshot(run);
  let touched = false;
  try {
    await operator.safePoint();
    touched = true;
    await upgradeHost(run);
    await operator.safePoint();
    await rebootHostIfNeeded(run);
    // What goes wrong on a host to which nothing was done is not ours to take back.
    if (journal.changed()) await verifyHost(run, before);
  } catch (error) {
    if (!touched) await snapshot?.discard();
    throw touched && snapshot !== null ? await recover(error, run, before, snapshot) : error;
  }
  if (!journal.changed()) {
    await snapshot?.discard();
    return journal.end('unchanged', 'there was nothing to do');
  }
  return journal.end('patched', 'it was patched and is as well as before');
}

/**
 * Takes the host back to its snapshot if the policy wants it after this failure; otherwise the snapshot is the way back of
 * a person. Gives what the run ends with. A run that is told to end takes nothing back: who needs the cluster more, such as
 * the power, may be why the host is not well.
 */
async function recover(error: unknown, run: HostRun, before: HostBefore, snapshot: HostSnapshot): Promise<unknown> {
  const { journal, policy, operator } = run;
  if (isAskedFor(error) || operator.ending) return error;
  if (!(await wantsRollBack(run, before, snapshot, error))) {
    await snapshot.keep();
    return error;
  }
  try {
    await rollBackHost(run, before, snapshot);
  } catch (failure) {
    await snapshot.keep();
    return failure;
  }
  const remedy = `Find out why before the next run; its snapshot ${snapshot.name} is kept for ${policy.keepSnapshot}.`;
  return hostFailure(journal.end('rolled-back', `it was taken back to its snapshot: ${explain(error)}`, remedy), error);
}
