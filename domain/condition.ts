/** What was read, or why it could not be. What nobody knows is never taken for well. */
export type Fact<T> = { readonly value: T } | { readonly unknown: string };

/** What a preflight wants to know of the cluster as a whole, beside its {@link ClusterSnapshot}. */
export interface ClusterCondition {
  /** Privileges of the API token by path (`/access/permissions`). */
  readonly privileges: Fact<Readonly<Record<string, readonly string[]>>>;
  /** Tasks that run now, on any node (`/cluster/tasks`). */
  readonly tasks: Fact<readonly RunningTask[]>;
  /** Enabled jobs with the time of their next run (`/cluster/backup`). */
  readonly backups: Fact<readonly BackupDue[]>;
}

export interface RunningTask {
  readonly node: string;
  /** Worker type as in the UPID: `vzdump`, `qmigrate`, `aptupdate`, … */
  readonly type: string;
  /** What it is about: a vmid, or empty. */
  readonly id: string;
  readonly user: string;
  /** ISO 8601. */
  readonly startedAt: string;
}

export interface BackupDue {
  readonly id: string;
  readonly storage: string | null;
  /** ISO 8601. */
  readonly nextRun: string;
}

/** What a preflight wants to know of one node. */
export interface NodeCondition {
  readonly node: string;
  /** The cluster as the node itself sees it, asked of it alone. */
  readonly view: Fact<ClusterView>;
  /** What its shell says, read in one login. */
  readonly shell: Fact<ShellCondition>;
  readonly storages: Fact<readonly StorageCondition[]>;
  /** Jobs of the guests that are on the node. */
  readonly replications: Fact<readonly ReplicationCondition[]>;
  readonly repositories: Fact<RepositoryCondition>;
}

export interface ClusterView {
  readonly quorate: boolean;
  /** Names of the nodes that it counts as online, itself included. */
  readonly online: readonly string[];
}

export interface ShellCondition {
  /** Milliseconds that its clock is ahead of the worker's, at the least; negative when behind, 0 within the delay. */
  readonly clockAhead: number;
  /** `apt-mark showhold` */
  readonly held: Fact<readonly string[]>;
  /** `dpkg --audit`: empty when every package is whole. */
  readonly audit: Fact<string>;
  /** Units that change packages right now: ours, Debian's daily upgrade, Proxmox's daily refresh. */
  readonly busyUnits: Fact<readonly string[]>;
  readonly fileSystems: Fact<readonly FileSystemCondition[]>;
  /** EFI system partitions that proxmox-boot-tool keeps; empty on a node that boots another way. */
  readonly bootPartitions: Fact<readonly BootPartition[]>;
}

export interface FileSystemCondition {
  /** `/`, `/boot`, `/boot/efi`. */
  readonly mount: string;
  /** Bytes. */
  readonly size: number;
  readonly available: number;
}

export interface BootPartition {
  /** As in `/etc/kernel/proxmox-boot-uuids`. */
  readonly uuid: string;
  /** Bytes. */
  readonly space: Fact<{ readonly size: number; readonly available: number }>;
}

export interface StorageCondition {
  readonly storage: string;
  readonly active: boolean;
  /** Bytes; null while it is not active. */
  readonly total: number | null;
  readonly used: number | null;
}

export interface ReplicationCondition {
  /** `210-0`: guest and job number. */
  readonly id: string;
  readonly guest: number;
  readonly target: string;
  /** How often in a row it has failed. */
  readonly failCount: number;
  readonly error: string | null;
  /** ISO 8601; null when it never was. */
  readonly lastSync: string | null;
  readonly nextSync: string | null;
}

export interface RepositoryCondition {
  /** Files that apt cannot read, as `file: error`. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** A repository that needs a subscription is enabled. */
  readonly enterprise: boolean;
  /** `/nodes/{node}/subscription`: `active`, `notfound`, …; null where nothing needs one. */
  readonly subscription: string | null;
}
