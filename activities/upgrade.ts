import { activityInfo, ApplicationFailure, cancellationSignal } from '@temporalio/activity';
import { parseAptFailure, parseAptProgress, parseUpgradedPackages, type JobEnd } from '../clients/remote-job/index.ts';
import type { PackageUpdate } from '../domain/cluster.ts';
import { toMilliseconds, type Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { report } from './guard.ts';

/** Whole logs stay on the node; a failure carries no more than this of its end. */
const TAIL_CHARACTERS = 4_000;

/** A node that reboots again and again under its upgrade needs a person. */
const TRIES_AFTER_REBOOT = 3;

const REMEDY = 'Look at it on the node: systemctl list-units "caretaker-*".';

/** How long a package lock is waited for that somebody else holds, such as apt-daily. */
const LOCK_WAIT_SECONDS = 600;

/**
 * Answers to configuration file questions: keep what the administrator has. Without these dpkg asks, and
 * DEBIAN_FRONTEND=noninteractive does not answer for it.
 */
const APT = [
  'apt-get -q -y',
  `-o DPkg::Lock::Timeout=${LOCK_WAIT_SECONDS}`,
  '-o Dpkg::Options::=--force-confdef',
  '-o Dpkg::Options::=--force-confold',
].join(' ');

/**
 * First what an interrupted run left is mended, for apt refuses to work on top of it, or works around it:
 * - What looks interrupted may be another run at work. dpkg waits for no lock; `apt-get check` does, and nothing else.
 * - `apt-get update` does not wait for the lock of the package lists, so it is asked again.
 * - A package that was killed while it was unpacked is left by dpkg and by apt as it is, even by a dist-upgrade that ends
 *   well. dpkg marks it `reinstreq`; only reinstalling it helps.
 * - Packages that need one that never came are completed by apt, which must not remove any for it.
 * NEEDRESTART_MODE=l only lists services, for restarting cluster services by the way is not ours to do.
 */
const UPGRADE_SCRIPT = `export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l LC_ALL=C
set -e
if [ -n "$(dpkg --audit)" ]; then
  ${APT} check || true
  dpkg --force-confdef --force-confold --configure -a || true
fi
left=${LOCK_WAIT_SECONDS}
until said=$(${APT} update 2>&1); do
  printf '%s\\n' "$said"
  case $said in *'/var/lib/apt/lists/lock'*) ;; *) exit 100 ;; esac
  [ "$left" -gt 0 ] || exit 100
  left=$((left - 2))
  sleep 2
done
printf '%s\\n' "$said"
torn=$(dpkg-query -W -f '\${db:Status-Eflag} \${Package}:\${Architecture}\\n' | sed -n 's/^reinstreq //p')
if [ -n "$torn" ]; then ${APT} --no-remove --reinstall install $torn; fi
if [ -n "$(dpkg --audit)" ]; then ${APT} --no-remove --fix-broken install; fi
${APT} dist-upgrade
`;

export interface UpgradeNodeInput {
  readonly node: string;
  /** Names the work of this run: found again by every attempt. */
  readonly jobId: string;
  readonly within: Duration;
}

export interface UpgradeResult {
  readonly packages: readonly PackageUpdate[];
}

export function createUpgradeActivities(deps: ActivityDeps) {
  return {
    /**
     * Upgrades a node by one job on it that survives our death and that of the connection. An attempt that finds the
     * job running follows it; one that finds it done returns its result; only a job lost to a reboot is started anew.
     * A connection that is lost, or refused while the upgrade restarts pve-cluster, is made again until the time is over.
     * Fails with `UpgradeFailed`, with the end of the log as detail.
     */
    upgradeNode(input: UpgradeNodeInput): Promise<UpgradeResult> {
      return awaitWorld({
        what: `the upgrade of ${input.node}`,
        within: input.within,
        intervalMs: deps.polling.intervalMs,
        errorType: ErrorType.UpgradeFailed,
        remedy: REMEDY,
        look: () => lookAtUpgrade(deps, input),
      });
    },

    /** Waits until no upgrade of this run is at work on the node any more, whatever became of it. */
    async awaitUpgradeOver({ node, jobId, within }: UpgradeNodeInput): Promise<void> {
      await awaitWorld({
        what: `the upgrade of ${node} to end`,
        within,
        intervalMs: deps.polling.intervalMs,
        errorType: ErrorType.UpgradeFailed,
        remedy: REMEDY,
        look: async (): Promise<Look<true>> =>
          (await isRunning(deps, node, jobId)) ? { waitingFor: 'its job still runs' } : { found: true },
      });
    },
  };
}

async function lookAtUpgrade(
  deps: ActivityDeps,
  { node, jobId, within }: UpgradeNodeInput,
): Promise<Look<UpgradeResult>> {
  for (const id of jobIds(jobId)) {
    const { end, log } = await runJob(deps, node, id, within);
    if (end.state === 'lost-to-reboot') continue;
    if (end.state === 'absent') return { waitingFor: 'its job has not begun' };
    if (end.state !== 'finished' || end.exitCode !== 0) throw upgradeFailed(node, end, log);
    const packages = parseUpgradedPackages(log).map(({ name, from, to }) => ({ name, from: from ?? null, to }));
    return { found: { packages } };
  }
  throw ApplicationFailure.create({
    type: ErrorType.UpgradeFailed,
    message: `${node} rebooted ${TRIES_AFTER_REBOOT} times under its upgrade. Find out why before trying again.`,
    nonRetryable: true,
  });
}

async function isRunning(deps: ActivityDeps, node: string, jobId: string): Promise<boolean> {
  for (const id of jobIds(jobId)) {
    if ((await deps.jobs(node).read({ id })).state === 'running') return true;
  }
  return false;
}

/** The job of the first try and those after a reboot in the middle of it. */
function jobIds(jobId: string): string[] {
  return Array.from({ length: TRIES_AFTER_REBOOT }, (_, index) => (index === 0 ? jobId : `${jobId}-${index + 1}`));
}

async function runJob(
  deps: ActivityDeps,
  node: string,
  id: string,
  within: Duration,
): Promise<{ end: JobEnd; log: string }> {
  const jobs = deps.jobs(node);
  const signal = cancellationSignal();
  await jobs.ensureStarted({
    id,
    command: UPGRADE_SCRIPT,
    timeoutSeconds: Math.ceil(toMilliseconds(within) / 1_000),
    description: `Caretaker: upgrade of ${node} (${activityInfo().workflowExecution?.workflowId ?? id})`,
  });
  // Every attempt reads the log from its start: the list of packages is made from the whole of it.
  let log = '';
  const onChunk = (chunk: string) => {
    log += chunk;
    const { done, total, current } = parseAptProgress(log);
    report({ waitingFor: total === 0 ? 'apt to begin' : `${done} of ${total} packages, ${current ?? ''}` });
  };
  const end = await jobs.follow({ id, fromOffset: 0, signal, onChunk, pollMs: deps.polling.intervalMs });
  return { end, log };
}

function upgradeFailed(node: string, end: JobEnd, log: string): ApplicationFailure {
  const tail = log.slice(-TAIL_CHARACTERS);
  const how = end.state === 'finished' ? `ended with exit code ${end.exitCode}` : 'was killed';
  return ApplicationFailure.create({
    type: ErrorType.UpgradeFailed,
    message:
      `the upgrade of ${node} ${how}: ${parseAptFailure(log) ?? 'it printed nothing'}. ` +
      `Mend it on the node (dpkg --configure -a; apt-get dist-upgrade), then start again.`,
    nonRetryable: true,
    details: [{ log: tail }],
  });
}
