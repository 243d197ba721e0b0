import type { LabClock } from '../core/clock.ts';
import type { FaultBoard } from '../core/faults.ts';
import type { ReplicationSpec } from '../site.ts';

/** A job that fails for sure has done so for an hour or two. */
const FAILURES_BEFORE = 5;

/** A `pvesr` job. Times in virtual milliseconds. */
export class ReplicationJob {
  readonly guest: number;
  readonly schedule: string;
  target: string;
  lastSync: number;
  lastTry: number;
  failCount = 0;
  error: string | undefined;
  /** The `pvesr` worker that runs now. */
  pid: number | undefined;
  readonly #fails: string | undefined;

  constructor(spec: ReplicationSpec, now: number) {
    this.guest = spec.guest;
    this.target = spec.target;
    this.schedule = spec.schedule;
    this.lastSync = now;
    this.lastTry = now;
    this.#fails = spec.fails;
    if (spec.fails === undefined) return;
    this.failCount = FAILURES_BEFORE;
    this.error = spec.fails;
  }

  /** Why the next round fails for sure. */
  get fails(): string | undefined {
    return this.#fails;
  }

  fail(error: string): void {
    this.failCount++;
    this.error = error;
  }

  /** `210-0`: guest and job number. */
  get id(): string {
    return `${this.guest}-0`;
  }
}

/** What a replication round needs to know of the world. */
export interface ReplicationWorld {
  readonly clock: LabClock;
  readonly faults: FaultBoard;
  readonly jobs: readonly ReplicationJob[];
  nodeOf(guest: number): string | undefined;
  reachable(node: string): boolean;
}

/** Virtual milliseconds that one round takes, during which the guest can not be migrated. */
const REPLICATION_MS = 3_200;

export const REPLICATION_INTERVAL_MS = 15 * 60_000;

/** Runs one job now: it fails while its target is away and counts how often in a row. */
export async function replicate(world: ReplicationWorld, job: ReplicationJob): Promise<void> {
  const source = world.nodeOf(job.guest);
  if (!source || !world.reachable(source) || job.pid !== undefined) return;
  job.lastTry = world.clock.now();
  if (job.fails !== undefined) return job.fail(job.fails);
  job.pid = 40_000 + job.guest;
  const verdict = world.faults.consult({ at: 'task', node: source, type: 'replication', id: job.id });
  await world.clock.sleep(REPLICATION_MS + (verdict?.do === 'delay' ? verdict.ms : 0));
  job.pid = undefined;
  if (verdict?.do !== 'error' && world.reachable(job.target)) {
    job.lastSync = job.lastTry;
    job.failCount = 0;
    job.error = undefined;
    return;
  }
  job.fail(
    verdict?.do === 'error'
      ? verdict.reason
      : `command '/usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias=${job.target}' root@${job.target} -- pvesr prepare-local-job ${job.id}' failed: exit code 255`,
  );
}

/** After a migration to the replication target the job points back to where the guest came from (pvesr(1)). */
export function flipDirection(jobs: readonly ReplicationJob[], guest: number, from: string, to: string): void {
  for (const job of jobs) {
    if (job.guest === guest && job.target === to) job.target = from;
  }
}
