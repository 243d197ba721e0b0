import type { BackupJob, Backups } from '../domain/cluster.ts';

/** An update often takes longer than expected, and a backup that begins in its midst holds a guest for hours. */
const MARGIN_FACTOR = 3;
const MARGIN_MS = 30 * 60_000;

/**
 * Jobs that may begin while a node is in hand. One whose next run Proxmox does not tell counts: nobody knows that it
 * will not.
 *
 * @param now Milliseconds since the epoch.
 */
export function jobsDue({ jobs }: Backups, now: number, expectedMs: number): BackupJob[] {
  const until = now + expectedMs * MARGIN_FACTOR + MARGIN_MS;
  return jobs.filter(({ enabled, nextRun }) => enabled && (nextRun === null || Date.parse(nextRun) <= until));
}
