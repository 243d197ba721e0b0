import { activityInfo, ApplicationFailure, cancellationSignal } from '@temporalio/activity';
import { sh } from '../clients/ssh/index.ts';
import { toMilliseconds, type Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { report } from './guard.ts';

/** A failure carries no more than this of the end of the log. */
const TAIL_CHARACTERS = 2_000;

/** apt keeps the running kernel and the two newest by rules of its own; what it would do is looked at all the same. */
const SCRIPT = `export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l LC_ALL=C
set -e
would=$(apt-get -s autoremove)
for kernel in "$@"; do
  if printf '%s\\n' "$would" | grep -F -e "Remv proxmox-kernel-$kernel" -e "Remv pve-kernel-$kernel"; then
    echo "E: autoremove would remove the kernel $kernel, which is to be kept"
    exit 1
  fi
done
apt-get -q -y -o DPkg::Lock::Timeout=600 autoremove
`;

export interface RemoveUnusedPackagesInput {
  readonly node: string;
  /** Names the work of this run: found again by every attempt. */
  readonly jobId: string;
  /** Releases of kernels that must stay, such as `6.14.8-2-pve`. */
  readonly keepKernels: readonly string[];
  readonly within: Duration;
}

export function createAutoremoveActivities(deps: ActivityDeps) {
  return {
    /**
     * `apt-get autoremove` as a job on the node that is never started twice; nothing is removed if one of `keepKernels`
     * would be. Fails with `UpgradeFailed`, with the end of the log as detail.
     */
    removeUnusedPackages(input: RemoveUnusedPackagesInput): Promise<true> {
      return awaitWorld({
        what: `apt-get autoremove on ${input.node}`,
        within: input.within,
        intervalMs: deps.polling.intervalMs,
        errorType: ErrorType.UpgradeFailed,
        remedy: 'Look at it on the node: systemctl list-units "caretaker-*".',
        look: () => lookAtJob(deps, input),
      });
    },
  };
}

async function lookAtJob(
  deps: ActivityDeps,
  { node, jobId: id, keepKernels, within }: RemoveUnusedPackagesInput,
): Promise<Look<true>> {
  const jobs = deps.jobs(node);
  await jobs.ensureStarted({
    id,
    command: `set -- ${keepKernels.map((kernel) => sh`${kernel}`).join(' ')}\n${SCRIPT}`,
    timeoutSeconds: Math.ceil(toMilliseconds(within) / 1_000),
    description: `Caretaker: autoremove on ${node} (${activityInfo().workflowExecution?.workflowId ?? id})`,
  });
  let log = '';
  const onChunk = (chunk: string) => {
    log += chunk;
    report({ waitingFor: 'apt-get autoremove' });
  };
  const end = await jobs.follow({
    id,
    fromOffset: 0,
    signal: cancellationSignal(),
    onChunk,
    pollMs: deps.polling.intervalMs,
  });
  if (end.state === 'finished' && end.exitCode === 0) return { found: true };
  if (end.state === 'absent') return { waitingFor: 'its job has not begun' };
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const why = lines.findLast((line) => /^(E:|dpkg: error)/.test(line)) ?? lines.at(-1) ?? end.state;
  throw ApplicationFailure.create({
    type: ErrorType.UpgradeFailed,
    message: `apt-get autoremove on ${node} did not end well: ${why}. Run it by hand when that is mended.`,
    nonRetryable: true,
    details: [{ log: log.slice(-TAIL_CHARACTERS) }],
  });
}
