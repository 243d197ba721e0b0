import type { BackupJobSpec } from '../site.ts';
import type { Cluster } from './cluster.ts';
import { parameterError } from './errors.ts';

const DAY_MS = 24 * 60 * 60_000;

/** A job of `/cluster/backup`. pvescheduler starts it on every node for the guests that are there. */
export class BackupJob {
  readonly spec: BackupJobSpec;
  /** Virtual milliseconds. */
  nextRun: number;
  enabled: boolean;

  constructor(spec: BackupJobSpec, now: number) {
    this.spec = spec;
    this.nextRun = now + spec.dueInMs;
    this.enabled = spec.enabled;
  }

  get schedule(): string {
    return new Date(this.nextRun).toISOString().slice(11, 16);
  }
}

/** Starts the jobs of a cluster when they are due; a run that is missed is missed. */
export function scheduleBackups(cluster: Cluster): BackupJob[] {
  const { clock } = cluster;
  const jobs = cluster.site.backupJobs.map((spec) => new BackupJob(spec, clock.now()));
  const arm = (job: BackupJob) => {
    clock.after(job.nextRun - clock.now(), () => {
      if (job.enabled) runJob(cluster, job);
      job.nextRun += DAY_MS;
      arm(job);
    });
  };
  for (const job of jobs) arm(job);
  return jobs;
}

function runJob(cluster: Cluster, job: BackupJob): void {
  for (const node of cluster.nodes.values()) {
    const guests = cluster.guestsOn(node.name).filter((guest) => job.spec.vmids.includes(guest.vmid));
    if (cluster.isQuorate(node) && guests.length > 0) cluster.backupTask(node, guests, 'root@pam', job.spec.storage);
  }
}

/** @throws PveError for an unknown id, or without quorum. */
export function setBackupJob(cluster: Cluster, id: string, enabled: boolean, actor: string): void {
  const job = cluster.backupJobs.find((each) => each.spec.id === id);
  if (!job) throw parameterError({ id: `No such job '${id}'` });
  cluster.assertWritable();
  job.enabled = enabled;
  cluster.log.record(actor, 'backup.job', 'cluster', { id, enabled });
}

/** `GET /cluster/backup` */
export function backupJobEntry(job: BackupJob): Record<string, string | number> {
  const { id, storage, vmids } = job.spec;
  return {
    id,
    type: 'vzdump',
    enabled: job.enabled ? 1 : 0,
    schedule: job.schedule,
    storage,
    mode: 'snapshot',
    vmid: vmids.join(','),
    ...(job.enabled ? { 'next-run': Math.floor(job.nextRun / 1000) } : {}),
  };
}
