import type { CommandCall, LabCommand } from '../../core/machine.ts';
import type { Space } from '../../core/machine.ts';
import type { System } from '../system.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

const ROOT: Space = { size: 100 * GIB, available: 78 * GIB };
const BOOT_PARTITIONS: Readonly<Record<string, Space | null>> = {
  'A1B2-C3D4': { size: 1022 * MIB, available: 720 * MIB },
};

/** Programs that tell what is free: df(1), and a look at a boot partition that is not mounted. */
export function diskCommands(system: System): Readonly<Record<string, LabCommand>> {
  return {
    df: (call) => Promise.resolve(df(system, call)),
    unshare: (call) => Promise.resolve(lookAtPartition(system, call)),
  };
}

/** `/etc/kernel/proxmox-boot-uuids` */
export function uuidsOf(system: System): string {
  return Object.keys(partitionsOf(system))
    .map((uuid) => `${uuid}\n`)
    .join('');
}

export function partitionsOf({ options }: System): Readonly<Record<string, Space | null>> {
  return options.bootPartitions ?? BOOT_PARTITIONS;
}

/** `df -P -k PATH…`: a directory that is no mount point is shown as the file system that holds it. */
function df({ options }: System, call: CommandCall): number {
  const mounts: Readonly<Record<string, Space>> = { '/': ROOT, ...options.fileSystems };
  call.out(HEADER);
  for (const path of call.args.filter((arg) => !arg.startsWith('-'))) {
    const mount = path in mounts ? path : '/';
    call.out(row(mount === '/' ? 'rpool/ROOT/pve-1' : '/dev/nvme0n1p2', mounts[mount] ?? ROOT, mount));
  }
  return 0;
}

const HEADER = 'Filesystem     1024-blocks      Used Available Capacity Mounted on\n';

function row(device: string, { size, available }: Space, mount: string): string {
  const [blocks, free] = [size / 1024, available / 1024].map(Math.floor) as [number, number];
  const share = Math.ceil((100 * (blocks - free)) / blocks);
  return `${device.padEnd(16)} ${blocks} ${blocks - free} ${free} ${share}% ${mount}\n`;
}

/** `unshare --mount sh -c '…mount…df…' sh UUID`: the lab has no partitions, but knows what would be seen on one. */
function lookAtPartition(system: System, call: CommandCall): number {
  const uuid = call.args.at(-1) ?? '';
  if (call.args[0] !== '--mount' || !(call.args.at(-3) ?? '').includes('mount')) {
    call.err('unshare: unshare failed: Operation not permitted\n');
    return 1;
  }
  const space = partitionsOf(system)[uuid];
  if (!space) {
    call.err(`mount: /mnt: special device /dev/disk/by-uuid/${uuid} does not exist.\n`);
    return 32;
  }
  call.out(HEADER + row('/dev/nvme0n1p2', space, '/mnt'));
  return 0;
}
