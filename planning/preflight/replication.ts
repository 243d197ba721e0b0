import type { ReplicationCondition } from '../../domain/condition.ts';
import { describeMilliseconds } from '../../domain/duration.ts';
import type { Finding } from '../../domain/finding.ts';
import { blocker, warning } from '../findings.ts';

/** pvescheduler looks every minute; a job that is due for so long is stuck. */
const OVERDUE_MS = 30 * 60_000;

/**
 * Proxmox tries again 5 and 10 minutes after the first two failures in a row: so often a job fails whose target reboots,
 * as the node before does in a roll.
 */
const FAILURES_OF_A_REBOOT = 2;

/** A guest whose replication does not work moves slowly or not at all, and comes back the same way. */
export function replicationProblems(node: string, jobs: readonly ReplicationCondition[], takenAt: string): Finding[] {
  const now = Date.parse(takenAt);
  return jobs.flatMap(({ id, guest, target, failCount, error, lastSync, nextSync }): Finding[] => {
    const common = { node, vmid: guest };
    const succeeded = lastSync === null ? 'has never succeeded' : `succeeded last at ${lastSync}`;
    const remedy = `look at it with pvesr status --guest ${guest}, and try it: pvesr schedule-now ${id}`;
    if (failCount > 0) {
      // One that worked before is proved before the guest moves, which stays at home if that fails.
      const passes = lastSync !== null && failCount <= FAILURES_OF_A_REBOOT;
      return [
        (passes ? warning : blocker)({
          ...common,
          code: 'replication-failed',
          message: `the replication of ${guest} to ${target} has failed ${failCount === 1 ? 'once' : `${failCount} times in a row`}, and ${succeeded}`,
          ...(error === null ? {} : { evidence: error }),
          remedy,
        }),
      ];
    }
    const due = nextSync === null ? null : Date.parse(nextSync);
    if (due === null || now - due < OVERDUE_MS) return [];
    return [
      warning({
        ...common,
        code: 'replication-stale',
        message: `the replication of ${guest} to ${target} has been due for ${describeMilliseconds(now - due)}, and ${succeeded}`,
        remedy: `${remedy}; systemctl status pvescheduler`,
      }),
    ];
  });
}
