import type { GuestKind } from '../domain/cluster.ts';
import type { RebootEvidence, RebootNeed } from '../domain/host.ts';
import { compareReleases } from './kernels.ts';

/** Packages whose update only a new kernel, or its start, takes up. */
const OF_THE_KERNEL =
  /^(?:linux-(?:image|modules|base|generic|virtual|headers)|(?:proxmox|pve)-kernel|(?:intel|amd64)-microcode)/;

/**
 * Whether a Debian or Ubuntu host wants a reboot. `/run/reboot-required` is written by hooks that stock Debian does not
 * have, so that its absence says nothing: the installed kernels are compared as well, and needrestart is heard where it is
 * installed. A container runs its node's kernel and is never rebooted for one; whoever says that it is one is heard.
 *
 * @param listedAs What inventory or Proxmox say that it is.
 */
export function judgeReboot(evidence: RebootEvidence, listedAs: GuestKind | null = null): RebootNeed {
  const { flag, needrestart, installedKernels } = evidence;
  const container = isContainer(evidence, listedAs);
  const because = [...byFlag({ flag, container }), ...(container ? [] : byKernel(evidence))];
  if (because.length > 0) return { needed: true, because };
  const facts = container ? [flag] : [flag, needrestart, installedKernels];
  const unknown = facts.flatMap((fact) => ('unknown' in fact ? [fact.unknown] : []));
  return unknown.length > 0 ? { needed: null, because: unknown } : { needed: false, because: [] };
}

/** By its own word, or that of others. */
export function isContainer({ container }: RebootEvidence, listedAs: GuestKind | null): boolean {
  return container || listedAs === 'lxc';
}

function byFlag({ flag, container }: Pick<RebootEvidence, 'flag' | 'container'>): string[] {
  if ('unknown' in flag || flag.value === null) return [];
  const named = [...new Set(flag.value)];
  const counting = container ? named.filter((name) => !OF_THE_KERNEL.test(name)) : named;
  if (named.length === 0) return ['/run/reboot-required asks for it and names no package'];
  return counting.length === 0 ? [] : [`${counting.join(', ')} asked for it`];
}

function byKernel({ runningKernel, installedKernels, needrestart }: RebootEvidence): string[] {
  const newer =
    'value' in installedKernels
      ? installedKernels.value
          .filter((each) => flavorOf(each) === flavorOf(runningKernel) && compareReleases(each, runningKernel) > 0)
          .sort(compareReleases)
          .at(-1)
      : undefined;
  if (newer !== undefined) return [`the kernel ${newer} is installed, ${runningKernel} runs`];
  const outdated = 'value' in needrestart && needrestart.value === 'outdated';
  return outdated ? [`needrestart says that the kernel ${runningKernel} is outdated`] : [];
}

/** `6.12.41+deb13-cloud-amd64` → `cloud-amd64`: a kernel of another flavor is no newer version of this one. */
function flavorOf(release: string): string {
  return /-([a-z].*)$/.exec(release)?.[1] ?? '';
}
