import type { ContainerSpec, MachineOptions, PackageSpec } from './core/machine.ts';
import { pendingPackages, REFERENCE_KERNELS } from './site-packages.ts';
import type { UpsSpec } from './ups/spec.ts';

/** One Proxmox VE node. Sizes in bytes. */
export interface NodeSpec {
  readonly name: string;
  /** Address inside the modeled network; the lab itself listens on loopback only. */
  readonly address: string;
  readonly memory: number;
  readonly cpus: number;
  /** As /proc/cpuinfo names it. */
  readonly cpuModel?: string;
  /** Corosync votes, 1 unless an operator said otherwise. */
  readonly votes: number;
  /** Installed kernels, oldest first. */
  readonly kernels: readonly string[];
  /** `proxmox-boot-tool kernel pin`. */
  readonly kernelPin?: string;
  readonly packages: readonly PackageSpec[];
  /** Troubles of its disks, boot partitions, repositories and clock. */
  readonly troubles?: Pick<MachineOptions, 'fileSystems' | 'bootPartitions' | 'enterprise' | 'clockAheadMs'>;
  /** What Proxmox cannot read among the lists of repositories: file and error. */
  readonly unreadableSources?: Readonly<Record<string, string>>;
  /** Virtual milliseconds from power-on to a running system, and from the end of guest shutdown to power off. */
  readonly bootMs: number;
  readonly shutdownMs: number;
  /** Of the network card that wakes it; its settings in Proxmox have it unless `wakeOnLan` is false. */
  readonly mac: string;
  readonly wakeOnLan: boolean;
  readonly acRecovery: AcRecovery;
}

/** BIOS setting: what a machine does when its power is back. */
export type AcRecovery = 'stay-off' | 'power-on' | 'last-state';

export interface StorageSpec {
  readonly id: string;
  readonly type: 'zfspool' | 'dir' | 'lvmthin' | 'nfs' | 'pbs';
  readonly content: string;
  readonly shared: boolean;
  readonly total: number;
  readonly used: number;
  /** Nodes on which it is enabled and not there, such as a share that cannot be mounted. */
  readonly inactiveOn?: readonly string[];
  /** Nodes that have it; all when missing. */
  readonly nodes?: readonly string[];
}

/** One volume of a guest: `scsi0`, `rootfs`, `mp1`, … */
export interface DiskSpec {
  readonly key: string;
  readonly storage: string;
  readonly size: number;
}

/** State asked of the HA manager for a guest. */
export type HaRequest = 'started' | 'stopped' | 'disabled' | 'ignored';

export interface GuestSpec {
  readonly kind: 'lxc' | 'qemu';
  readonly vmid: number;
  readonly name: string;
  readonly node: string;
  readonly memory: number;
  readonly cores: number;
  /** CPU type of a VM as its config line has it: `host`, `x86-64-v2-AES`. */
  readonly cpu?: string;
  readonly disks: readonly DiskSpec[];
  /** What lies in the drive of a VM, as a config line: `local:iso/debian.iso,media=cdrom`. */
  readonly cdrom?: string;
  /** Passed-through devices as config lines: `hostpci0: '0000:03:00.0'`, `usb0: 'mapping=stick'`. */
  readonly devices?: Readonly<Record<string, string>>;
  /** LXC bind mounts as config lines: `mp0: '/srv/media,mp=/media'`; with `shared=1` they do not hold it in place. */
  readonly bindMounts?: Readonly<Record<string, string>>;
  readonly onboot: boolean;
  /** `order=1,up=30,down=60` */
  readonly startup?: string;
  readonly tags: readonly string[];
  readonly ha?: HaRequest;
  readonly template: boolean;
  readonly running: boolean;
  /** VM: the QEMU guest agent answers; without it a shutdown relies on ACPI. */
  readonly agent: boolean;
  /** Whether an SSH server runs on it (default true). */
  readonly sshd?: boolean;
  /** Default: a Debian with some updates waiting. */
  readonly packages?: readonly PackageSpec[];
  /** Docker is installed, with these containers. */
  readonly containers?: readonly ContainerSpec[];
  /** VM that ignores a shutdown request: `TASK ERROR: VM quit/powerdown failed - got timeout`. */
  readonly ignoresShutdown?: boolean;
}

/** A `pvesr` job: the guest's local volumes are copied to `target`, which makes them fast to move there. */
export interface ReplicationSpec {
  readonly guest: number;
  readonly target: string;
  readonly schedule: string;
  /** Why it fails, every time. */
  readonly fails?: string;
}

/** A backup that is there from the beginning. */
export interface BackupSpec {
  readonly vmid: number;
  readonly storage: string;
  /** Virtual milliseconds before the start of the lab at which it began. */
  readonly agoMs: number;
  readonly verification?: 'ok' | 'failed';
  /** It was broken off; a Proxmox Backup Server shows it all the same. */
  readonly unfinished?: boolean;
}

/** A backup job that runs every day. */
export interface BackupJobSpec {
  readonly id: string;
  /** Virtual milliseconds from the start of the lab to its first run; its schedule is the hour and minute of that. */
  readonly dueInMs: number;
  readonly storage: string;
  readonly vmids: readonly number[];
  readonly enabled: boolean;
}

/** Ceph on the nodes themselves: OSDs by host, and the nodes with a monitor. */
export interface CephSpec {
  readonly osds: Readonly<Record<string, readonly number[]>>;
  readonly monitors: readonly string[];
}

/** A rule of `/cluster/ha/rules`. Services by sid, such as `vm:201`. */
export interface HaRuleSpec {
  readonly rule: string;
  readonly type: 'node-affinity' | 'resource-affinity';
  readonly resources: readonly string[];
  /** Node affinity: nodes with an optional priority (`pve1:2`). */
  readonly nodes?: readonly string[];
  readonly strict?: boolean;
  /** Resource affinity. */
  readonly affinity?: 'positive' | 'negative';
}

export type ShutdownPolicy = 'freeze' | 'failover' | 'conditional' | 'migrate';

/** A cluster as data: what exists before anything happens. */
export interface Site {
  readonly cluster: string;
  readonly nodes: readonly NodeSpec[];
  readonly qdevice: boolean;
  readonly shutdownPolicy: ShutdownPolicy;
  readonly storages: readonly StorageSpec[];
  readonly guests: readonly GuestSpec[];
  readonly replication: readonly ReplicationSpec[];
  readonly backupJobs: readonly BackupJobSpec[];
  readonly backups?: readonly BackupSpec[];
  readonly haRules?: readonly HaRuleSpec[];
  /** Absent: Ceph is not installed. */
  readonly ceph?: CephSpec;
  /** What it all gets its power from (default: the UPS of the reference site). */
  readonly ups?: UpsSpec;
}

export const GiB = 1024 ** 3;
const MiB = 1024 ** 2;

/** Far from anything that is tried in the lab, at whatever time of day. */
const HALF_A_DAY = 12 * 60 * 60_000;

export function nodeSpec(name: string, index: number, overrides: Partial<NodeSpec> = {}): NodeSpec {
  return {
    name,
    address: `192.168.10.${230 + index * 2}`,
    memory: 64 * GiB,
    cpus: 24,
    votes: 1,
    kernels: REFERENCE_KERNELS,
    packages: pendingPackages(),
    bootMs: 90_000,
    shutdownMs: 15_000,
    mac: `02:00:5E:10:00:${(index + 1).toString(16).padStart(2, '0').toUpperCase()}`,
    wakeOnLan: true,
    acRecovery: 'stay-off',
    ...overrides,
  };
}

/** A small running container on replicated local storage. */
export function containerSpec(vmid: number, name: string, node: string, overrides: Partial<GuestSpec> = {}): GuestSpec {
  return {
    kind: 'lxc',
    vmid,
    name,
    node,
    memory: 512 * MiB,
    cores: 1,
    disks: [{ key: 'rootfs', storage: 'local-zfs', size: 8 * GiB }],
    onboot: true,
    tags: [],
    template: false,
    running: true,
    agent: false,
    ...overrides,
  };
}

/** A running virtual machine on replicated local storage with a guest agent. */
export function vmSpec(vmid: number, name: string, node: string, overrides: Partial<GuestSpec> = {}): GuestSpec {
  return {
    ...containerSpec(vmid, name, node),
    kind: 'qemu',
    memory: 8 * GiB,
    cores: 4,
    disks: [{ key: 'scsi0', storage: 'local-zfs', size: 64 * GiB }],
    agent: true,
    ...overrides,
  };
}

function storages(): StorageSpec[] {
  return [
    {
      id: 'local',
      type: 'dir',
      content: 'iso,vztmpl,snippets',
      shared: false,
      total: 100 * GiB,
      used: 22 * GiB,
    },
    { id: 'local-zfs', type: 'zfspool', content: 'images,rootdir', shared: false, total: 1800 * GiB, used: 420 * GiB },
    { id: 'pbs', type: 'pbs', content: 'backup', shared: true, total: 4000 * GiB, used: 1900 * GiB },
  ];
}

/** Each guest replicated every quarter of an hour to the node that follows its own, round the ring. */
function replicateToNext(guests: readonly GuestSpec[], nodes: readonly NodeSpec[]): ReplicationSpec[] {
  const names = nodes.map((node) => node.name);
  return guests
    .filter((guest) => guest.disks.some((disk) => disk.storage === 'local-zfs'))
    .map((guest) => ({
      guest: guest.vmid,
      target: names[(names.indexOf(guest.node) + 1) % names.length] as string,
      schedule: '*/15',
    }));
}

function referenceGuests(): GuestSpec[] {
  const [one, two] = ['pve-node1', 'pve-node2'] as const;
  return [
    containerSpec(192, 'pihole-1', one, { startup: 'order=1,up=15', tags: ['dns'] }),
    containerSpec(194, 'traefik', one, { startup: 'order=2', tags: ['proxy'], memory: GiB }),
    containerSpec(240, 'prometheus', one, { startup: 'order=4', memory: 2 * GiB, cores: 2, tags: ['monitoring'] }),
    vmSpec(210, 'plex-vm', one, { startup: 'order=5', tags: ['docker'] }),
    vmSpec(211, 'arr-stack-vm', one, { startup: 'order=5', tags: ['docker'], memory: 6 * GiB }),
    containerSpec(193, 'pihole-2', two, { startup: 'order=1,up=15', tags: ['dns'] }),
    containerSpec(250, 'pbs', two, { startup: 'order=3', memory: 4 * GiB, cores: 2, tags: ['backup'] }),
    vmSpec(212, 'download-clients-vm', two, { startup: 'order=5', tags: ['docker'], memory: 4 * GiB }),
    vmSpec(213, 'web-apps-vm', two, { startup: 'order=5', tags: ['docker'] }),
  ];
}

/**
 * The homelab the project is written for: two nodes without QDevice or HA, local ZFS replicated both ways, a dozen
 * packages and a kernel waiting on each node.
 */
export function referenceSite(overrides: Partial<Site> = {}): Site {
  const nodes = [nodeSpec('pve-node1', 0), nodeSpec('pve-node2', 1)];
  const guests = referenceGuests();
  return {
    cluster: 'homelab',
    nodes,
    qdevice: false,
    shutdownPolicy: 'conditional',
    storages: storages(),
    guests,
    replication: replicateToNext(guests, nodes),
    backupJobs: [
      {
        id: 'backup-nightly',
        dueInMs: HALF_A_DAY,
        storage: 'pbs',
        vmids: guests.filter((guest) => guest.vmid !== 250).map((guest) => guest.vmid),
        enabled: true,
      },
    ],
    ...overrides,
  };
}

/** How a small site differs from one to the next. */
export interface SmallSiteOptions {
  /** Number of nodes, `pve1` to `pveN` (default 2). */
  readonly nodes?: number;
  readonly qdevice?: boolean;
  /** Puts every guest under HA, wanted `started`. */
  readonly ha?: boolean;
  readonly overrides?: Partial<Site>;
}

/** One container `ct-N` (10N) and one VM `vm-N` (20N) on each of a few nodes: as little as a test needs. */
export function smallSite(options: SmallSiteOptions = {}): Site {
  const count = options.nodes ?? 2;
  const nodes = Array.from({ length: count }, (_, index) => nodeSpec(`pve${index + 1}`, index));
  const ha = options.ha ? { ha: 'started' as const } : {};
  const guests = nodes.flatMap((node, index) => [
    containerSpec(101 + index, `ct-${index + 1}`, node.name, ha),
    vmSpec(201 + index, `vm-${index + 1}`, node.name, { memory: 2 * GiB, ...ha }),
  ]);
  return {
    cluster: 'small',
    nodes,
    qdevice: options.qdevice ?? false,
    shutdownPolicy: 'conditional',
    storages: storages(),
    guests,
    replication: count > 1 ? replicateToNext(guests, nodes) : [],
    backupJobs: [],
    ...options.overrides,
  };
}
