/** Votes as corosync counts them (`pvecm status`). */
export interface QuorumState {
  readonly quorate: boolean;
  /** Votes the cluster reckons with; quorum is more than half of them. */
  readonly expectedVotes: number;
  /** Votes needed: floor(expectedVotes / 2) + 1. */
  readonly quorum: number;
  readonly qdevice: QDevice | null;
}

export interface QDevice {
  /** Votes that the device casts while it is connected. */
  readonly votes: number;
  readonly connected: boolean;
}

/** How a node's local resource manager stands (`/cluster/ha/status/manager_status`). */
export type LrmState = 'active' | 'idle' | 'maintenance' | 'unknown';

export interface NodeState {
  readonly name: string;
  readonly online: boolean;
  readonly votes: number;
  /** Bytes of memory that the node has. */
  readonly memory: number;
  readonly lrm: LrmState;
  /** The HA maintenance flag: requested or in force, by whomever. */
  readonly maintenance: boolean;
}

export type GuestKind = 'qemu' | 'lxc';

/** One reason why a running guest cannot be moved. */
export interface Obstacle {
  readonly code:
    | 'local-disk'
    | 'passthrough'
    | 'mapped-resource'
    | 'bind-mount'
    | 'local-image'
    | 'cpu-model'
    | 'storage-unavailable'
    | 'ha-rule'
    | 'replication-target';
  /** Evidence in the words of the source: `hostpci0`, `local-lvm:vm-210-disk-0`, `mp0`. */
  readonly detail: string;
  /** The node to which it cannot be moved; absent when the reason holds for every node. */
  readonly target?: string;
}

export interface Guest {
  readonly vmid: number;
  readonly kind: GuestKind;
  readonly name: string;
  /** Node that owns the guest's configuration. */
  readonly node: string;
  readonly running: boolean;
  readonly template: boolean;
  /** Bytes of memory it may grow to. */
  readonly maxMemory: number;
  readonly tags: readonly string[];
  /** Place in the order in which Proxmox starts guests; null without one, and for a guest that was not asked about. */
  readonly startupOrder: number | null;
  /** It is stopped, and its node will start it at its boot (`onboot`); false for a guest that was not asked about. */
  readonly startsAtBoot: boolean;
  /** `backup`, `migrate`, `snapshot`, … while something holds the guest. */
  readonly lock: string | null;
  readonly ha: GuestHa | null;
  /** Why it cannot be moved; empty for a guest that can, and for one that was not asked about. */
  readonly obstacles: readonly Obstacle[];
  /** It has disks that only its own node can reach; they travel with it, by replication or by copying. */
  readonly hasLocalDisks: boolean;
  /** Nodes to which its disks are replicated. */
  readonly replicatedTo: readonly string[];
}

export interface GuestHa {
  /** `vm:210`, `ct:192`. */
  readonly sid: string;
  /** State the CRM reports: `started`, `stopped`, `migrate`, `error`, … */
  readonly state: string;
}

export interface HaState {
  /** Node whose CRM is master, if any. */
  readonly master: string | null;
  /** The master works now, so losing quorum would make its watchdog reset it. */
  readonly masterActive: boolean;
  /** Services whose requested state is `started`: the reason for a maintenance mode. */
  readonly startedServices: number;
  /** Whether its watchdogs are armed (since 9.2); null where HA is not in use or cannot be disarmed. */
  readonly armed: HaArming | null;
  /** Rules in force about where the HA manager may put its services. */
  readonly rules: readonly HaRule[];
}

export type HaArming = 'armed' | 'standby' | 'disarming' | 'disarmed';

/** `/cluster/ha/rules` since 9.0; before, a group is a node affinity of the services in it. */
export type HaRule = NodeAffinity | ResourceAffinity;

export interface NodeAffinity {
  readonly kind: 'node-affinity';
  readonly name: string;
  readonly sids: readonly string[];
  readonly nodes: readonly string[];
  /** Strict: the services run on these nodes or not at all. Otherwise the nodes are only preferred. */
  readonly strict: boolean;
}

export interface ResourceAffinity {
  readonly kind: 'resource-affinity';
  readonly name: string;
  readonly sids: readonly string[];
  /** Together: all on one node. Apart: no two on the same node. The HA manager breaks neither. */
  readonly together: boolean;
}

/** Everything a decision looks at, read within a few seconds. */
export interface ClusterSnapshot {
  readonly cluster: string;
  /** ISO 8601, clock of the worker that read it. */
  readonly takenAt: string;
  readonly quorum: QuorumState;
  readonly nodes: readonly NodeState[];
  readonly guests: readonly Guest[];
  readonly ha: HaState;
}

/** A `vzdump` task that runs now. */
export interface RunningBackup {
  readonly node: string;
  /** For people: `the backup of 210`. */
  readonly what: string;
}

export interface BackupJob {
  readonly id: string;
  readonly enabled: boolean;
  /** ISO 8601; null when Proxmox does not tell. */
  readonly nextRun: string | null;
}

export interface Backups {
  readonly running: readonly RunningBackup[];
  readonly jobs: readonly BackupJob[];
}

export interface PackageUpdate {
  readonly name: string;
  readonly from: string | null;
  readonly to: string;
}

/** Kernels of a node, by their release names such as `6.14.8-2-pve`. */
export interface NodeKernels {
  readonly running: string;
  readonly installed: readonly string[];
  /** `proxmox-boot-tool kernel pin`: booted every time. */
  readonly pinned: string | null;
  /** `proxmox-boot-tool kernel pin --next-boot`: booted once. */
  readonly nextBoot: string | null;
  /** `proxmox-boot-tool` is there. */
  readonly canPin: boolean;
}

/** What a node looks like from outside and from within, for the proof that it is a full member. */
export interface NodeHealth {
  readonly node: string;
  /** Another node counts it as online. */
  readonly onlineForPeers: boolean;
  /** The cluster as another node sees it. */
  readonly peersQuorate: boolean;
  /** The cluster as the node itself sees it; null while it does not answer. Differs from the peers' view in a split. */
  readonly ownQuorate: boolean | null;
  readonly bootId: string | null;
  readonly runningKernel: string | null;
  readonly activeServices: readonly string[];
  readonly activeStorages: readonly string[];
  /** Its LRM reports to the CRM in time; null when no HA manager is at work. */
  readonly lrmFresh: boolean | null;
}

/** Software side of one node. */
export interface NodeSoftware {
  readonly node: string;
  /** Why the package lists could not be refreshed, in apt's words; null when they were, or were not to be. */
  readonly refreshError: string | null;
  /** Upgrades that the last refresh of the package lists found. */
  readonly pending: readonly PackageUpdate[];
  readonly kernels: NodeKernels;
  /** Changes at every boot (`/proc/sys/kernel/random/boot_id`). */
  readonly bootId: string;
}
