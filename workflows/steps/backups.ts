import { ApplicationFailure } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import { jobsDue } from '../../planning/backups.ts';
import { waitingActivities } from './activities.ts';
import type { NodeRun } from './node-run.ts';

/**
 * Lets backups that run come to their end, and holds back those that would begin while the node is in hand. A job is
 * held no longer than that: between two nodes a roll may wait for days, and backups must not wait with it.
 */
export async function holdBackups(run: NodeRun): Promise<void> {
  const { node, plan, policy, quick, journal, ledger } = run;
  await letBackupsEnd(run);
  const backups = await quick.readBackups.executeWithOptions({ summary: `${node}: read when backups are due` }, []);
  for (const { id, nextRun } of jobsDue(backups, Date.now(), plan.expectedMilliseconds)) {
    ledger.add({ kind: 'backup-job', id });
    const within = policy.timeouts.migration;
    await waitingActivities(policy.timeouts, within).ensureBackupJob.executeWithOptions(
      { summary: `${node}: hold back the backup job ${id}` },
      [{ id, enabled: false, within }],
    );
    journal.warn(`the backup job ${id}, due ${nextRun ?? 'at a time unknown'}, is held back until ${node} is done`);
  }
  // One may have begun just before its job was held back.
  await letBackupsEnd(run);
}

/** A backup that is broken off is no backup, and leaves its guest locked. */
export async function letBackupsEnd({ node, policy, quick, journal }: NodeRun): Promise<void> {
  const awaited = await awaitBackups(node, policy, quick);
  if (awaited !== null) journal.warn(`waited for ${awaited}`);
}

/** Returns for which backups it waited, for people; null when none ran. Fails where the policy is not to wait. */
export async function awaitBackups(who: string, policy: Policy, quick: NodeRun['quick']): Promise<string | null> {
  const { running } = await quick.readBackups.executeWithOptions({ summary: `${who}: see whether a backup runs` }, []);
  if (running.length === 0) return null;
  const which = running.map((backup) => `${backup.what} on ${backup.node}`).join(', ');
  if (policy.backups === 'refuse' && !policy.overrides.includes('backup-running')) {
    throw ApplicationFailure.create({
      type: ErrorType.PlanChanged,
      message: `${who} is left alone, because ${which} runs. Start again when it has ended, or set rollingUpdate.backups to "wait".`,
      nonRetryable: true,
    });
  }
  const { backup: within } = policy.timeouts;
  await waitingActivities(policy.timeouts, within).awaitNoBackup.executeWithOptions(
    { summary: `${who}: wait for ${which}` },
    [{ within }],
  );
  return which;
}
