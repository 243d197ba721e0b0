import { sh } from '../clients/ssh/index.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { lookAtJob } from './look-at-job.ts';

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
        look: () => lookAtAutoremove(deps, input),
      });
    },
  };
}

function lookAtAutoremove(
  deps: ActivityDeps,
  { node, jobId, keepKernels, within }: RemoveUnusedPackagesInput,
): Promise<Look<true>> {
  return lookAtJob(deps, {
    node,
    id: jobId,
    what: 'apt-get autoremove',
    command: `set -- ${keepKernels.map((kernel) => sh`${kernel}`).join(' ')}\n${SCRIPT}`,
    within,
    errorType: ErrorType.UpgradeFailed,
    remedy: 'Run it by hand when that is mended.',
  });
}
