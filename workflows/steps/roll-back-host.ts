import { ApplicationFailure } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import { explain, failureType } from './failures.ts';
import type { HostBefore, HostRun } from './host-run.ts';
import type { HostSnapshot } from './host-snapshot.ts';
import { verifyHost, whatIsWrong } from './verify-host.ts';

/** Failures after which a host is not well, or nobody can tell. */
const UNWELL: ReadonlySet<string> = new Set<ErrorType>([
  ErrorType.ProbeFailed,
  ErrorType.RebootNotProven,
  ErrorType.RemoteUnavailable,
]);

/**
 * Whether the policy takes the host back after this failure. Before that everything is asked once more: what looked like a
 * sick host may have been our own way to it, and what a guest has written since its snapshot is lost with it.
 */
export async function wantsRollBack(
  run: HostRun,
  before: HostBefore,
  { vmid }: HostSnapshot,
  error: unknown,
): Promise<boolean> {
  const { host, policy, quick, journal } = run;
  const type = failureType(error) ?? '';
  if (policy.rollBack === 'never') return false;
  if (type === ErrorType.UpgradeFailed) return policy.rollBack === 'when-failed';
  if (!UNWELL.has(type)) return false;
  try {
    const contact = await quick.contactHost.executeWithOptions(
      { summary: `${host.name}: is it gone, or our way to it?` },
      [{ host: host.name, vmid }],
    );
    if (contact === 'gone') return true;
    if (contact === 'out-of-our-reach') {
      journal.warn('its node reaches it and we do not, so it is not taken back');
      return false;
    }
    // An alert may be about anything.
    const own = { ...run, policy: { ...policy, probes: policy.probes.filter(({ kind }) => kind !== 'prometheus') } };
    if ((await whatIsWrong(own, before, 2)).length > 0) return true;
    journal.warn('what it has itself is well by now, so it is not taken back');
  } catch (failure) {
    journal.warn(`nobody can tell whether it is well, so it is not taken back: ${explain(failure)}`);
  }
  return false;
}

/**
 * Takes a host back to its snapshot and proves that it is as it was: it answers, its packages are those from before, and
 * what was well is well. Fails with `RollbackFailed` otherwise.
 */
export async function rollBackHost(run: HostRun, before: HostBefore, { vmid, name }: HostSnapshot): Promise<void> {
  const { host, policy, journal, snapshotting, rebooting } = run;
  const { snapshot, reboot } = policy.timeouts;
  journal.enter('rolling-back');
  try {
    await snapshotting.rollBack.executeWithOptions({ summary: `${host.name}: back to ${name}` }, [
      { vmid, name, within: snapshot },
    ]);
    const reading = await rebooting.awaitHost.executeWithOptions({ summary: `${host.name}: wait until it answers` }, [
      { host: host.name, within: reboot },
    ]);
    const known = 'value' in reading.packages && 'value' in before.reading.packages;
    if (known && reading.packages.value !== before.reading.packages.value) {
      throw ApplicationFailure.nonRetryable(
        'its packages are not those from before. Look at its snapshots.',
        ErrorType.RollbackFailed,
      );
    }
    if (!known) journal.warn('nobody could tell whether its packages are those from before');
    await verifyHost(run, before);
  } catch (error) {
    throw ApplicationFailure.create({
      type: ErrorType.RollbackFailed,
      message: `It was to be taken back to its snapshot ${name}, and is not as before: ${explain(error)}`,
      nonRetryable: true,
      ...(error instanceof Error ? { cause: error } : {}),
    });
  }
}
