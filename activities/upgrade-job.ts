import { activityInfo, ApplicationFailure, cancellationSignal } from '@temporalio/activity';
import {
  parseAptFailure,
  parseAptProgress,
  parseLockHolder,
  RemoteJobError,
  type JobEnd,
  type RemoteJobs,
} from '../clients/remote-job/index.ts';
import { toSeconds, type Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import { report } from './guard.ts';

/** Whole logs stay on the machine; a failure carries no more than this of its end. */
const TAIL_CHARACTERS = 4_000;

/** A machine that reboots again and again under its upgrade needs a person. */
const TRIES_AFTER_REBOOT = 3;

/** An upgrade as a job on a machine, which survives our death and that of the connection. */
export interface UpgradeJob {
  /** Of the node or host, for people. */
  readonly machine: string;
  readonly jobs: RemoteJobs;
  /** Names the work of a run: found again by every attempt. */
  readonly jobId: string;
  /** A sh script. */
  readonly command: string;
  readonly within: Duration;
  /** When the machine itself ends the job, by force; `within` unless given. */
  readonly killAfter?: Duration;
  readonly pollMs: number;
}

/**
 * Upgrades a machine by one job on it. An attempt that finds the job running follows it; one that finds it done reads its
 * log; only a job lost to a reboot is started anew. A connection that is lost is made again until the time is over.
 * Returns what all tries have printed. Fails with `UpgradeFailed`, with the end of the log as detail.
 */
export function upgradeByJob(job: UpgradeJob): Promise<string> {
  return awaitWorld({ ...waitFor(job), what: `the upgrade of ${job.machine}`, look: () => lookAtUpgrade(job) });
}

/** Waits until no try of an upgrade is at work any more, whatever became of it. */
export async function awaitUpgradeJobOver(job: Omit<UpgradeJob, 'command'>): Promise<void> {
  await awaitWorld({
    ...waitFor(job),
    what: `the upgrade of ${job.machine} to end`,
    look: async (): Promise<Look<true>> =>
      (await isRunning(job)) ? { waitingFor: 'its job still runs' } : { found: true },
  });
}

function waitFor({ machine, within, pollMs }: Omit<UpgradeJob, 'command'>) {
  return {
    within,
    intervalMs: pollMs,
    errorType: ErrorType.UpgradeFailed,
    remedy: `Look at it on ${machine}: systemctl list-units "caretaker-*".`,
  };
}

async function lookAtUpgrade(job: UpgradeJob): Promise<Look<string>> {
  let printed = '';
  for (const id of jobIds(job.jobId)) {
    const { end, log } = await runJob(job, id);
    printed += log;
    if (end.state === 'lost-to-reboot') continue;
    if (end.state === 'absent') return { waitingFor: 'its job has not begun' };
    if (end.state !== 'finished' || end.exitCode !== 0) throw upgradeFailed(job.machine, end, log);
    return { found: printed };
  }
  throw ApplicationFailure.create({
    type: ErrorType.UpgradeFailed,
    message: `${job.machine} rebooted ${TRIES_AFTER_REBOOT} times under its upgrade. Find out why before trying again.`,
    nonRetryable: true,
  });
}

async function isRunning({ jobs, jobId }: Pick<UpgradeJob, 'jobs' | 'jobId'>): Promise<boolean> {
  for (const id of jobIds(jobId)) {
    if ((await jobs.read({ id })).state === 'running') return true;
  }
  return false;
}

/** The job of the first try and those after a reboot in the middle of it. */
function jobIds(jobId: string): string[] {
  return Array.from({ length: TRIES_AFTER_REBOOT }, (_, index) => (index === 0 ? jobId : `${jobId}-${index + 1}`));
}

async function runJob(
  { machine, jobs, command, within, killAfter = within, pollMs }: UpgradeJob,
  id: string,
): Promise<{ end: JobEnd; log: string }> {
  const signal = cancellationSignal();
  await jobs
    .ensureStarted({
      id,
      command,
      timeoutSeconds: Math.ceil(toSeconds(killAfter)),
      description: `Caretaker: upgrade of ${machine} (${activityInfo().workflowExecution?.workflowId ?? id})`,
    })
    .catch((error: unknown) => {
      // A worker of another version has started it, with its own script. The id names the work: it is followed.
      if (!(error instanceof RemoteJobError && error.type === 'RemoteJobConflict')) throw error;
    });
  // Every attempt reads the log from its start: the list of packages is made from the whole of it.
  let log = '';
  const onChunk = (chunk: string) => {
    log += chunk;
    report({ waitingFor: describeProgress(log) });
  };
  const end = await jobs.follow({ id, fromOffset: 0, signal, onChunk, pollMs });
  return { end, log };
}

function describeProgress(log: string): string {
  const holder = parseLockHolder(log);
  if (holder !== undefined) return `a package lock, held by ${holder}`;
  const { done, total, current } = parseAptProgress(log);
  return total === 0 ? 'apt to begin' : `${done} of ${total} packages, ${current ?? ''}`;
}

function upgradeFailed(machine: string, end: JobEnd, log: string): ApplicationFailure {
  const tail = log.slice(-TAIL_CHARACTERS);
  const how = end.state === 'finished' ? `ended with exit code ${end.exitCode}` : 'was killed';
  return ApplicationFailure.create({
    type: ErrorType.UpgradeFailed,
    message:
      `the upgrade of ${machine} ${how}: ${parseAptFailure(log) ?? 'it printed nothing'}. ` +
      `Mend it on ${machine} (dpkg --configure -a; apt-get dist-upgrade), then start again.`,
    nonRetryable: true,
    details: [{ log: tail }],
  });
}
