import type { NodeKernels, PackageUpdate } from '../domain/cluster.ts';

/** Versioned kernel packages; the meta packages (`proxmox-kernel-6.14`) carry no kernel of their own. */
const KERNEL_PACKAGE = /^(?:proxmox|pve)-kernel-(\d+\.\d+\.\d+-\d+-pve)(?:-signed)?$/;

/** Kernel release that a package installs, or null for any other package. */
export function kernelOfPackage(name: string): string | null {
  return KERNEL_PACKAGE.exec(name)?.[1] ?? null;
}

/** The kernel that the next boot will choose: pinned for one boot, else pinned, else the newest installed one. */
export function nextKernel(kernels: NodeKernels): string {
  return kernels.nextBoot ?? kernels.pinned ?? newestKernel(kernels.installed) ?? kernels.running;
}

export function newestKernel(releases: readonly string[]): string | undefined {
  return [...releases].sort(compareReleases).at(-1);
}

/**
 * A node needs a reboot when the kernel that would boot is not the one that runs. `/var/run/reboot-required` says
 * nothing here: stock Proxmox nodes never write it.
 */
export function needsReboot(kernels: NodeKernels): boolean {
  return nextKernel(kernels) !== kernels.running;
}

/** Whether installing `pending` will make a reboot needed; a pin keeps the running kernel whatever is installed. */
export function willNeedReboot(kernels: NodeKernels, pending: readonly PackageUpdate[]): boolean {
  return needsReboot(afterUpgrade(kernels, pending));
}

/** The kernels of a node once `pending` is installed. */
export function afterUpgrade(kernels: NodeKernels, pending: readonly PackageUpdate[]): NodeKernels {
  const coming = pending.map((update) => kernelOfPackage(update.name)).filter((release) => release !== null);
  return { ...kernels, installed: [...kernels.installed, ...coming] };
}

/** Compares releases such as `6.8.12-11-pve` number by number. */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [numbersOf(a), numbersOf(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function numbersOf(release: string): number[] {
  return (release.match(/\d+/g) ?? []).map(Number);
}
