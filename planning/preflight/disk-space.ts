import type { BootPartition, FileSystemCondition } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import { blocker, warning } from '../findings.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** An upgrade of a node downloads and unpacks some hundred megabytes; dpkg that runs out of space leaves a wreck. */
const ROOT_NEEDED = GIB;
const ROOT_COMFORTABLE = 3 * GIB;

/** A kernel with its initial ramdisk; initramfs-tools writes the new one beside the old. */
const KERNEL_NEEDED = 200 * MIB;

/** @param kernelComes An upgrade of this run brings a kernel. */
export function lowDiskSpace(
  node: string,
  fileSystems: readonly FileSystemCondition[],
  kernelComes: boolean,
): Finding[] {
  return fileSystems.flatMap(({ mount, size, available }): Finding[] => {
    // On such a system the kernels are in /boot; the boot loader's own partition takes a few kilobytes.
    if (mount === '/boot/efi') return [];
    const needed = mount === '/boot' ? KERNEL_NEEDED : ROOT_NEEDED;
    const comfortable = mount === '/boot' ? 2 * KERNEL_NEEDED : ROOT_COMFORTABLE;
    if (available >= comfortable) return [];
    const short = available < needed && (mount !== '/boot' || kernelComes);
    return [
      (short ? blocker : warning)({
        code: 'disk-space',
        node,
        message: `${mount} of ${node} has ${sizeOf(available)} left of ${sizeOf(size)}, and an upgrade may need ${sizeOf(needed)}`,
        remedy:
          mount === '/boot'
            ? 'remove old kernels: apt-get autoremove'
            : 'free space: apt-get clean, journalctl --vacuum-size=200M, old ISO images and logs',
      }),
    ];
  });
}

/** A partition that cannot take the new kernel boots the old one, or nothing. */
export function bootPartitions(node: string, partitions: readonly BootPartition[], kernelComes: boolean): Finding[] {
  return partitions.flatMap(({ uuid, space }): Finding[] => {
    if ('unknown' in space) {
      return [
        warning({
          code: 'boot-partition',
          node,
          message: `the boot partition ${uuid} of ${node} cannot be looked at: no kernel would be copied to it`,
          evidence: space.unknown,
          remedy: `proxmox-boot-tool status; after a disk was replaced: proxmox-boot-tool init, proxmox-boot-tool clean`,
        }),
      ];
    }
    const { size, available } = space.value;
    if (available >= KERNEL_NEEDED) return [];
    return [
      (kernelComes ? blocker : warning)({
        code: 'boot-partition',
        node,
        message: `the boot partition ${uuid} of ${node} has ${sizeOf(available)} left of ${sizeOf(size)}, and a kernel needs about ${sizeOf(KERNEL_NEEDED)}`,
        remedy: 'remove kernels that are no longer needed (apt-get autoremove), then proxmox-boot-tool refresh',
      }),
    ];
  });
}

export function sizeOf(bytes: number): string {
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.round(bytes / MIB)} MiB`;
}
