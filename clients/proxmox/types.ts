/**
 * The fields Caretaker reads, normalized: wire booleans are booleans, numbers that come as strings are numbers, a key
 * the server left out is `undefined`. Sizes are bytes, times are seconds since the epoch unless said otherwise.
 */

export type GuestType = 'qemu' | 'lxc';

/** A guest and the node whose API path it has now. */
export interface GuestRef {
  readonly type: GuestType;
  readonly vmid: number;
  readonly node: string;
}

/** `GET /version` */
export interface Version {
  readonly version: string;
  readonly release: string;
}

/** `GET /access/permissions`: path → privileges held there. */
export type Permissions = ReadonlyMap<string, ReadonlySet<string>>;

/** `GET /cluster/status` */
export interface ClusterStatus {
  /** `undefined` for a node that is in no cluster. */
  readonly name: string | undefined;
  readonly quorate: boolean;
  readonly nodes: readonly ClusterMember[];
}

export interface ClusterMember {
  readonly name: string;
  readonly nodeId: number;
  readonly address: string | undefined;
  readonly online: boolean;
  /** True for the node that answered. */
  readonly local: boolean;
}

/** `GET /cluster/resources`; run states are seconds to minutes old, guest locations are current. */
export interface ClusterResources {
  readonly nodes: readonly NodeResource[];
  readonly guests: readonly GuestResource[];
  readonly storages: readonly StorageResource[];
}

export interface NodeResource {
  readonly node: string;
  readonly status: 'online' | 'offline' | 'unknown';
  readonly maxCpu: number | undefined;
  readonly memory: number | undefined;
  readonly maxMemory: number | undefined;
  /** Seconds. */
  readonly uptime: number | undefined;
  /** The CRM's word for the node: `online`, `maintenance`, `unknown`, `fence`, `gone` (since 8.3, with HA only). */
  readonly haState: string | undefined;
}

export interface GuestResource extends GuestRef {
  readonly name: string | undefined;
  /** `running`, `stopped`, `paused`, …; `unknown` while the node does not report. */
  readonly status: string;
  readonly template: boolean;
  readonly maxCpu: number | undefined;
  readonly memory: number | undefined;
  readonly maxMemory: number | undefined;
  readonly maxDisk: number | undefined;
  readonly uptime: number | undefined;
  readonly lock: string | undefined;
  readonly tags: readonly string[];
  readonly haState: string | undefined;
}

export interface StorageResource {
  readonly storage: string;
  readonly node: string;
  readonly pluginType: string | undefined;
  readonly available: boolean;
  readonly shared: boolean;
  readonly content: readonly string[];
  readonly used: number | undefined;
  readonly size: number | undefined;
}

/** `GET /cluster/ha/status/manager_status`: the CRM's and LRMs' own state, as they wrote it. */
export interface HaManagerStatus {
  readonly master: string | undefined;
  /** Seconds since the epoch at which the CRM wrote it. */
  readonly timestamp: number | undefined;
  readonly quorate: boolean | undefined;
  /** `online`, `maintenance`, `unknown`, `fence`, `gone` by node; empty where HA was never used. */
  readonly nodes: ReadonlyMap<string, string>;
  /** Nodes for which maintenance is requested, whether or not they are in it yet. */
  readonly maintenanceRequested: ReadonlySet<string>;
  readonly services: readonly HaService[];
  readonly lrm: ReadonlyMap<string, HaLrm>;
  /** True while HA is disarmed or being disarmed (since 9.2). */
  readonly disarmed: boolean;
}

export interface HaService {
  /** `vm:101`, `ct:200`. */
  readonly sid: string;
  readonly node: string;
  /** `started`, `stopped`, `migrate`, `relocate`, `freeze`, `fence`, `recovery`, `error`, … */
  readonly state: string;
  readonly running: boolean;
  readonly target: string | undefined;
  /** The node a service left because of maintenance and will be moved back to. */
  readonly maintenanceNode: string | undefined;
}

export interface HaLrm {
  readonly mode: string;
  /** `active`, `wait_for_agent_lock`, `maintenance`, `lost_agent_lock`. */
  readonly state: string;
  readonly timestamp: number | undefined;
}

/** One line of `GET /cluster/ha/status/current`. */
export interface HaStatusLine {
  readonly id: string;
  /** `quorum`, `master`, `lrm`, `service`, `fencing`. */
  readonly type: string;
  readonly node: string | undefined;
  readonly status: string;
  readonly quorate: boolean | undefined;
  readonly timestamp: number | undefined;
  readonly sid: string | undefined;
  readonly state: string | undefined;
  readonly requestState: string | undefined;
  readonly crmState: string | undefined;
  /** `armed`, `standby`, `disarming`, `disarmed` (since 9.2). */
  readonly armedState: string | undefined;
}

/** What can be asked of HA for a guest. `ignored`: HA leaves it alone, as if it were not managed. */
export type HaRequest = 'started' | 'stopped' | 'disabled' | 'ignored';

/** `GET /cluster/ha/resources` */
export interface HaResource {
  readonly sid: string;
  readonly state: string;
  readonly group: string | undefined;
  readonly failback: boolean | undefined;
  readonly maxRelocate: number | undefined;
  readonly maxRestart: number | undefined;
}

/** `GET /cluster/ha/rules` (since 9.0) */
export interface HaRule {
  readonly rule: string;
  readonly type: string;
  readonly disabled: boolean;
  readonly resources: readonly string[];
  readonly nodes: readonly string[];
  readonly strict: boolean;
  readonly affinity: string | undefined;
}

/** `GET /cluster/ha/groups` (before 9.0) */
export interface HaGroup {
  readonly group: string;
  readonly nodes: readonly string[];
  /** Its services run on its nodes or not at all. */
  readonly restricted: boolean;
}

/** `GET /cluster/config/qdevice` */
export interface QDevice {
  readonly present: boolean;
  /** True only when its state is `Connected`, so that its vote counts. */
  readonly connected: boolean;
  readonly state: string | undefined;
  readonly host: string | undefined;
}

/** `GET /cluster/options` */
export interface ClusterOptions {
  /** `freeze`, `failover`, `conditional` (default), `migrate`. */
  readonly haShutdownPolicy: string;
  readonly maxWorkers: number | undefined;
  readonly migration: string | undefined;
}

/** `GET /nodes` */
export interface NodeListing {
  readonly node: string;
  readonly status: 'online' | 'offline' | 'unknown';
  readonly uptime: number | undefined;
  readonly fingerprint: string | undefined;
}

/** `GET /nodes/{node}/status` */
export interface NodeStatus {
  /** Seconds since boot. */
  readonly uptime: number;
  /** `uname -r`, such as `6.14.8-2-pve`. */
  readonly kernel: string | undefined;
  readonly pveVersion: string | undefined;
  readonly loadAverage: readonly number[];
  readonly cpus: number | undefined;
  /** `Intel(R) Xeon(R) CPU E5-2630L 0 @ 2.00GHz` */
  readonly cpuModel: string | undefined;
  readonly memoryTotal: number | undefined;
  readonly memoryUsed: number | undefined;
  readonly rootTotal: number | undefined;
  readonly rootAvailable: number | undefined;
}

/** `GET /nodes/{node}/services` */
export interface Service {
  readonly name: string;
  /** `running`, `exited`, `dead`, `failed`, … */
  readonly state: string;
  /** `active`, `inactive`, `failed`, …; older releases leave it out. */
  readonly activeState: string | undefined;
  readonly unitState: string | undefined;
}

/** `GET /nodes/{node}/storage` */
export interface NodeStorage {
  readonly storage: string;
  readonly type: string;
  readonly content: readonly string[];
  readonly enabled: boolean;
  readonly active: boolean;
  readonly shared: boolean;
  readonly total: number | undefined;
  readonly used: number | undefined;
  readonly available: number | undefined;
}

/** `GET /nodes/{node}/tasks`, `GET /cluster/tasks` */
export interface TaskListing {
  readonly upid: string;
  readonly node: string;
  readonly type: string;
  readonly id: string;
  readonly user: string;
  readonly startTime: number;
  readonly endTime: number | undefined;
  /** Exit status of an ended task: `OK`, `WARNINGS: n`, `unexpected status`, or the error. */
  readonly status: string | undefined;
  readonly running: boolean;
}

export interface TaskFilter {
  readonly source?: 'archive' | 'active' | 'all';
  readonly type?: string;
  readonly vmid?: number;
  /** Seconds since the epoch. */
  readonly since?: number;
  readonly limit?: number;
}

/** `GET /nodes/{node}/apt/update` */
export interface PendingPackage {
  readonly name: string;
  readonly from: string | undefined;
  readonly to: string;
  readonly origin: string | undefined;
  readonly title: string | undefined;
}

/** `GET /nodes/{node}/apt/versions` */
export interface PackageVersion {
  readonly name: string;
  /** The installed version, `undefined` when it is not installed. */
  readonly installed: string | undefined;
  readonly candidate: string | undefined;
  /** `Installed`, `NotInstalled`, … */
  readonly state: string;
  /** On `proxmox-ve`: the kernel now running. */
  readonly runningKernel: string | undefined;
}

/** `GET /nodes/{node}/apt/repositories` */
export interface Repositories {
  readonly errors: readonly { readonly path: string; readonly error: string }[];
  readonly warnings: readonly { readonly path: string; readonly message: string }[];
  readonly standard: readonly { readonly handle: string; readonly name: string; readonly enabled: boolean }[];
}

/** `GET /nodes/{node}/{type}/{vmid}/config` */
export interface GuestConfig {
  readonly name: string | undefined;
  readonly onBoot: boolean;
  readonly protection: boolean;
  readonly template: boolean;
  readonly tags: readonly string[];
  readonly lock: string | undefined;
  readonly startup: { readonly order?: number; readonly up?: number; readonly down?: number };
  /** True when the guest agent is enabled in the configuration. */
  readonly agent: boolean;
  /** Mebibytes. */
  readonly memory: number | undefined;
  /** Every key as the server gave it, for disks, mount points and devices. */
  readonly raw: Readonly<Record<string, string>>;
}

/** `GET /nodes/{node}/{type}/{vmid}/status/current` */
export interface GuestStatus {
  readonly status: string;
  readonly running: boolean;
  readonly qmpStatus: string | undefined;
  readonly lock: string | undefined;
  readonly uptime: number;
  readonly haManaged: boolean;
  readonly haState: string | undefined;
  readonly agent: boolean;
  readonly runningQemu: string | undefined;
}

/** `GET /nodes/{node}/qemu/{vmid}/agent/exec-status` */
export interface AgentProcess {
  readonly exited: boolean;
  /** Exit code or number of a signal; with `exited` only. */
  readonly exitCode: number | undefined;
  readonly signal: number | undefined;
  /** Given at the end, with `exited`. Safe are ASCII characters alone: what others become is up to the release. */
  readonly stdout: string;
  readonly stderr: string;
  /** One of the two is cut off at 16 MiB. */
  readonly truncated: boolean;
}

/** `GET /nodes/{node}/{type}/{vmid}/snapshot` */
export interface Snapshot {
  readonly name: string;
  readonly description: string;
  readonly takenAt: number | undefined;
  /** The snapshot before it. */
  readonly parent: string | undefined;
  /** `prepare` while it is made, `delete` while it is removed; it stays so if that was broken off. */
  readonly unfinished: string | undefined;
}

/** One backup of `GET /nodes/{node}/storage/{storage}/content` */
export interface BackupVolume {
  /** `pbs:backup/vm/210/2026-01-04T01:00:05Z` */
  readonly volume: string;
  readonly storage: string;
  /** When the backup began. */
  readonly takenAt: number | undefined;
  readonly size: number | undefined;
  /** Of a Proxmox Backup Server that has verified it: `ok` or `failed`. */
  readonly verification: string | undefined;
}

/** Where a guest is, and what it does there, by the node it is on. */
export interface GuestLocation extends GuestRef {
  readonly name: string | undefined;
  /** As `status/current` says; `unknown` when the node does not answer. */
  readonly status: string;
  readonly running: boolean;
  readonly lock: string | undefined;
  readonly haManaged: boolean | undefined;
}

/** `GET /nodes/{node}/{type}/{vmid}/migrate`, one shape for VMs and containers. */
export interface MigratePreconditions {
  /** `undefined` where the release does not say (VMs that run, before 8.4). May name nodes that are offline. */
  readonly allowedNodes: readonly string[] | undefined;
  readonly notAllowed: ReadonlyMap<string, NodeObstacles>;
  readonly running: boolean;
  /** Volumes on storages of its own node, without what lies in a drive. */
  readonly localDisks: readonly string[];
  /** Images in its drives that only its own node has; Proxmox moves the generated ones (cloud-init) along. */
  readonly localImages: readonly string[];
  readonly localResources: readonly string[];
  readonly mappedResources: readonly string[];
  readonly dependentHaResources: readonly string[];
}

export interface NodeObstacles {
  readonly storages: readonly string[];
  readonly resources: readonly string[];
  readonly ha: readonly { readonly sid: string; readonly cause: string }[];
}

export interface MigrateOptions {
  readonly target: string;
  /** VMs: migrate while running. */
  readonly online?: boolean;
  readonly withLocalDisks?: boolean;
  /** Containers: stop, move, start. */
  readonly restart?: boolean;
  /** Containers: seconds to wait for the stop. */
  readonly timeoutSeconds?: number;
}

/** `GET /nodes/{node}/replication` */
export interface Replication {
  readonly id: string;
  readonly guest: number;
  readonly target: string;
  readonly lastSync: number | undefined;
  readonly nextSync: number | undefined;
  readonly failCount: number;
  readonly error: string | undefined;
  /** True while a synchronization runs. */
  readonly running: boolean;
  readonly disabled: boolean;
}

/** `GET /cluster/backup` */
export interface BackupJob {
  readonly id: string;
  readonly enabled: boolean;
  readonly schedule: string | undefined;
  readonly nextRun: number | undefined;
  readonly storage: string | undefined;
}

/** `GET /nodes/{node}/ceph/status`, as `ceph status --format json` prints it */
export interface CephStatus {
  readonly checks: readonly { readonly name: string; readonly message: string; readonly muted: boolean }[];
  /** Count by state, such as `active+clean`. */
  readonly placementGroups: Readonly<Record<string, number>>;
  /** Monitors in quorum. */
  readonly monitors: readonly string[];
}
