import { ApplicationFailure } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import { explain, failureType } from './failures.ts';
import type { HostBefore, HostRun } from './host-run.ts';
import type { HostSnapshot } from './host-snapshot.ts';
import { verifyHost } from './verify-host.ts';

/** Failures after which a host is not well, or nobody can tell. */
const UNWELL: ReadonlySet<string> = new Set<ErrorType>([
  ErrorType.ProbeFailed,
  ErrorType.RebootNotProven,
  ErrorType.RemoteUnavailable,
]);

/** Whether the policy takes a host back after this failure. One that answers and is as before is none to take back. */
export async function wantsRollBack(run: HostRun, before: HostBefore, error: unknown): Promise<boolean> {
  const { host, policy, quick } = run;
  const type = failureType(error) ?? '';
  if (policy.rollBack === 'never') return false;
  if (type === ErrorType.UpgradeFailed) return policy.rollBack === 'when-failed';
  if (!UNWELL.has(type)) return false;
  if (type === ErrorType.ProbeFailed) return true;
  const silent = await quick.findSilentHosts.executeWithOptions({ summary: `${host.name}: does it answer?` }, [
    { hosts: [host.name] },
  ]);
  if (silent.length > 0) return true;
  return verifyHost(run, before).then(
    () => false,
    (failure: unknown) => failureType(failure) === ErrorType.ProbeFailed,
  );
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
