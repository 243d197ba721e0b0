import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import { sh } from '../clients/ssh/index.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { remoteJobId } from '../domain/ids.ts';
import type { KernelCanary } from '../domain/plan.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { lookAtJob } from './look-at-job.ts';
import { readBootAndPins } from './node.ts';

/**
 * proxmox-boot-tool(8) writes pins into files. The boot loader knows of them at once where GRUB boots without partitions of
 * the tool, else after a refresh, which passes over what it cannot reach with a word and exit code 0: a node may boot from
 * just that partition.
 */
const SCRIPT = `export LC_ALL=C
set -e
refresh() {
  cat /etc/kernel/proxmox-boot-uuids >/dev/null 2>&1 || return 0
  said=$(proxmox-boot-tool refresh 2>&1) || { printf '%s\\n' "$said"; exit 1; }
  printf '%s\\n' "$said"
  skipped=$(printf '%s\\n' "$said" | grep skipping) || return 0
  printf 'E: %s\\n' "$skipped"
  exit 1
}
`;

export interface KernelCanaryInput extends KernelCanary {
  readonly node: string;
  /** The boot out of which the new kernel is to be tried. */
  readonly bootId: string;
  readonly within: Duration;
}

export interface EndKernelCanaryInput extends KernelCanaryInput {
  /** The node has proved well with the new kernel. */
  readonly proven: boolean;
}

/**
 * - `unpinned`: the newest kernel is booted from now on.
 * - `fallback-stays`: the node is back on the old kernel, to which it stays pinned.
 * - `undecided`: the new kernel runs and has not proved well; the pin to the old one stays.
 * - `pinned-by-others`: somebody has pinned another kernel, which was left as it is.
 */
export type CanaryEnd = 'unpinned' | 'fallback-stays' | 'undecided' | 'pinned-by-others';

export function createKernelCanaryActivities(deps: ActivityDeps) {
  return {
    /**
     * Pins the kernel `fallback`, and `tries` for the next boot alone, and tells the boot loader. Does nothing in any boot
     * but `bootId`. Fails with `PlanChanged` where somebody else has pinned a kernel, and with `RemoteRefused` where
     * proxmox-boot-tool does not do it.
     */
    ensureKernelCanary(input: KernelCanaryInput): Promise<true> {
      return waitFor(deps, input, async (): Promise<Look<true>> => {
        const state = await readBootAndPins(deps, input.node);
        if (state.bootId !== input.bootId) return { found: true };
        if (isForeign(state, input)) throw pinnedMeanwhile(input.node, state.nextBoot ?? state.pinned);
        const { fallback, tries, bootId } = input;
        const look = await lookAtJob(
          deps,
          job(
            input,
            sh`[ "$(cat /proc/sys/kernel/random/boot_id)" = ${bootId} ] || { echo 'E: it was booted meanwhile'; exit 1; }
proxmox-boot-tool kernel pin ${fallback}
proxmox-boot-tool kernel pin ${tries} --next-boot`,
          ),
        );
        if (!('found' in look)) return look;
        const after = await readBootAndPins(deps, input.node);
        if (after.bootId === bootId && (after.pinned !== fallback || after.nextBoot !== tries)) {
          throw pinnedMeanwhile(input.node, after.nextBoot ?? after.pinned);
        }
        return { found: true };
      });
    },

    /**
     * Takes the pins of `ensureKernelCanary` back, once the new kernel is `proven` or as long as it was not booted. One that
     * was booted and is not proven keeps the pin to the old one, which then is a matter for people.
     */
    endKernelCanary(input: EndKernelCanaryInput): Promise<CanaryEnd> {
      return waitFor(deps, input, async (): Promise<Look<CanaryEnd>> => {
        const state = await readBootAndPins(deps, input.node);
        if (isForeign(state, input)) return { found: 'pinned-by-others' };
        const [end, option] = howToEnd(state, input);
        if (option === null) return { found: end };
        // Even where no pin is left: an attempt that died may not have told the boot loader.
        const look = await lookAtJob(deps, job(input, `proxmox-boot-tool kernel unpin${option}`));
        return 'found' in look ? { found: end } : look;
      });
    },
  };
}

type Pins = Awaited<ReturnType<typeof readBootAndPins>>;

/** What comes of it, and the option for `unpin`; null where nothing is to be changed. */
function howToEnd(state: Pins, input: EndKernelCanaryInput): readonly [CanaryEnd, string | null] {
  const tried = state.bootId !== input.bootId;
  if (!tried || input.proven || state.pinned === null) return ['unpinned', ''];
  if (state.runningKernel !== input.fallback) return ['undecided', null];
  return ['fallback-stays', state.nextBoot === null ? null : ' --next-boot'];
}

function isForeign({ pinned, nextBoot }: Pins, { fallback, tries }: KernelCanary): boolean {
  return (pinned !== null && pinned !== fallback) || (nextBoot !== null && nextBoot !== tries);
}

function waitFor<T>(deps: ActivityDeps, { node, within }: KernelCanaryInput, look: () => Promise<Look<T>>): Promise<T> {
  return awaitWorld({
    what: `the kernel pins of ${node}`,
    within,
    intervalMs: deps.polling.intervalMs,
    errorType: ErrorType.RemoteUnavailable,
    remedy: REMEDY,
    look,
  });
}

/** A job of its own for each time that the step is asked for, and the same for all attempts of one. */
function job({ node, within }: KernelCanaryInput, change: string) {
  const { workflowExecution, activityId } = activityInfo();
  return {
    node,
    id: remoteJobId('kernel-pins', `${workflowExecution?.runId}-${activityId}`),
    what: 'proxmox-boot-tool',
    command: `${SCRIPT}${change}\nrefresh\n`,
    within,
    errorType: ErrorType.RemoteRefused,
    remedy: REMEDY,
  };
}

const REMEDY = 'Look at it on the node: proxmox-boot-tool kernel list; proxmox-boot-tool refresh.';

function pinnedMeanwhile(node: string, kernel: string | null): ApplicationFailure {
  const how = kernel === null ? 'unpinned' : `pinned to ${kernel}`;
  return ApplicationFailure.create({
    type: ErrorType.PlanChanged,
    message: `The kernel of ${node} was ${how} by somebody else meanwhile. Start again when nobody is at work on it any more.`,
    nonRetryable: true,
  });
}
