import type { BackupDue } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import { warning } from '../findings.ts';

/**
 * Backup jobs that would begin while the run will probably be at work, and are held back until the node is done.
 *
 * @param run ISO 8601 of its beginning, and milliseconds that it will probably take.
 */
export function backupsDue(backups: readonly BackupDue[], run: { from: string; expectedMs: number }): Finding[] {
  const begin = Date.parse(run.from);
  return backups
    .filter(({ nextRun }) => {
      const at = Date.parse(nextRun);
      return at >= begin && at <= begin + run.expectedMs;
    })
    .map(({ id, storage, nextRun }) =>
      warning({
        code: 'backup-due',
        node: null,
        message: `the backup job ${id} begins while the update is expected to be at work`,
        evidence: `next run ${nextRun}${storage === null ? '' : `, to ${storage}`}`,
        remedy: 'it is held back while a node is in hand; start earlier or later to keep its time',
      }),
    );
}
