import type { RawCalls } from './failover.ts';
import { readHaGroups, readHaManagerStatus, readHaResources, readHaRules, readHaStatus } from './ha.ts';
import { taskListings } from './listings.ts';
import type {
  BackupJob,
  ClusterOptions,
  ClusterResources,
  ClusterStatus,
  GuestResource,
  GuestType,
  HaGroup,
  HaManagerStatus,
  HaRequest,
  HaResource,
  HaRule,
  HaStatusLine,
  NodeListing,
  Permissions,
  QDevice,
  TaskListing,
  Version,
} from './types.ts';
import {
  count,
  flag,
  list,
  names,
  optionalFlag,
  optionalRecord,
  optionalText,
  properties,
  record,
  text,
  type Raw,
} from './wire.ts';

export interface ClusterCalls {
  /** `GET /version` */
  version(): Promise<Version>;
  /** `GET /access/permissions` of the token itself. */
  permissions(): Promise<Permissions>;
  /** `GET /cluster/status`; through `via(node)` it is that node's own view. */
  clusterStatus(): Promise<ClusterStatus>;
  /** `GET /cluster/resources` */
  resources(): Promise<ClusterResources>;
  /** `GET /cluster/options` */
  clusterOptions(): Promise<ClusterOptions>;
  /** `GET /cluster/config/qdevice` */
  qdevice(): Promise<QDevice>;
  /** `GET /cluster/backup` */
  backupJobs(): Promise<readonly BackupJob[]>;
  /** `PUT /cluster/backup/{id}`; what is not named stays as it is (needs Sys.Modify on `/`). */
  setBackupJob(id: string, changes: { readonly enabled: boolean }): Promise<void>;
  /** `GET /cluster/tasks`: recent tasks of all nodes; size-capped by the cluster, so best effort. */
  clusterTasks(): Promise<readonly TaskListing[]>;
  /** `GET /nodes` */
  nodes(): Promise<readonly NodeListing[]>;
  /** `GET /cluster/ha/status/manager_status` */
  haManagerStatus(): Promise<HaManagerStatus>;
  /** `GET /cluster/ha/status/current` */
  haStatus(): Promise<readonly HaStatusLine[]>;
  /** `GET /cluster/ha/resources` */
  haResources(): Promise<readonly HaResource[]>;
  /** `GET /cluster/ha/rules`; before 9.0 it fails as `ProxmoxNotImplemented`. */
  haRules(): Promise<readonly HaRule[]>;
  /** `GET /cluster/ha/groups`: what rules were before 9.0; refused once the groups have been made rules. */
  haGroups(): Promise<readonly HaGroup[]>;
  /**
   * `POST /cluster/ha/status/disarm-ha` (since 9.2; before, it fails as `ProxmoxNotImplemented`). It only queues a
   * command: judge by `haStatus`.
   */
  disarmHa(mode: 'freeze' | 'ignore'): Promise<void>;
  /** `POST /cluster/ha/status/arm-ha`, queued like `disarmHa`. */
  armHa(): Promise<void>;
  /**
   * `PUT /cluster/ha/resources/{sid}`: the state that HA is to bring the guest to, and keep it in (needs Sys.Console on
   * `/`); what else is set of it stays. HA takes it up with its next rounds.
   */
  setHaState(sid: string, state: HaRequest): Promise<void>;
  /**
   * `POST /cluster/ha/resources/{sid}/migrate`. It only queues a command, which the CRM may ignore silently: judge the
   * result by `guestLocation`.
   */
  haMigrate(sid: string, node: string): Promise<void>;
}

export function createClusterCalls(calls: RawCalls): ClusterCalls {
  return {
    version: () => calls.read('/version', readVersion),
    permissions: () => calls.read('/access/permissions', readPermissions),
    clusterStatus: () => calls.read('/cluster/status', readClusterStatus),
    resources: () => calls.read('/cluster/resources', readResources),
    clusterOptions: () => calls.read('/cluster/options', readOptions),
    qdevice: () => calls.read('/cluster/config/qdevice', readQDevice),
    backupJobs: () => calls.read('/cluster/backup', readBackupJobs),
    setBackupJob: async (id, { enabled }) => {
      await calls.put(`/cluster/backup/${encodeURIComponent(id)}`, { enabled });
    },
    clusterTasks: () => calls.read('/cluster/tasks', taskListings),
    nodes: () => calls.read('/nodes', readNodes),
    haManagerStatus: () => calls.read('/cluster/ha/status/manager_status', readHaManagerStatus),
    haStatus: () => calls.read('/cluster/ha/status/current', readHaStatus),
    haResources: () => calls.read('/cluster/ha/resources', readHaResources),
    haRules: () => calls.read('/cluster/ha/rules', readHaRules),
    haGroups: () => calls.read('/cluster/ha/groups', readHaGroups),
    disarmHa: async (mode) => {
      await calls.post('/cluster/ha/status/disarm-ha', { 'resource-mode': mode });
    },
    armHa: async () => {
      await calls.post('/cluster/ha/status/arm-ha');
    },
    setHaState: async (sid, state) => {
      await calls.put(`/cluster/ha/resources/${encodeURIComponent(sid)}`, { state });
    },
    haMigrate: async (sid, node) => {
      await calls.post(`/cluster/ha/resources/${encodeURIComponent(sid)}/migrate`, { node });
    },
  };
}

function readVersion(data: unknown): Version {
  const raw = record(data, 'version');
  return { version: text(raw['version']), release: text(raw['release']) };
}

function readPermissions(data: unknown): Permissions {
  const held = Object.entries(record(data, 'permissions')).map(([path, privileges]) => {
    const granted = Object.entries(optionalRecord(privileges)).filter(([, value]) => value !== undefined);
    return [path, new Set(granted.map(([privilege]) => privilege))] as const;
  });
  return new Map(held);
}

function readClusterStatus(data: unknown): ClusterStatus {
  const entries = list(data, 'cluster status');
  const cluster = entries.find((entry) => entry['type'] === 'cluster');
  const nodes = entries
    .filter((entry) => entry['type'] === 'node')
    .map((entry) => ({
      name: text(entry['name']),
      nodeId: count(entry['nodeid']) ?? 0,
      address: optionalText(entry['ip']),
      online: flag(entry['online']),
      local: flag(entry['local']),
    }));
  // A node in no cluster has no cluster entry and needs nobody's vote.
  return { name: optionalText(cluster?.['name']), quorate: cluster === undefined || flag(cluster['quorate']), nodes };
}

function readResources(data: unknown): ClusterResources {
  const entries = list(data, 'resource list');
  const ofType = (...types: string[]): readonly Raw[] =>
    entries.filter((entry) => types.includes(String(entry['type'])));
  return {
    nodes: ofType('node').map((entry) => ({
      node: text(entry['node']),
      status: nodeState(entry['status']),
      maxCpu: count(entry['maxcpu']),
      memory: count(entry['mem']),
      maxMemory: count(entry['maxmem']),
      uptime: count(entry['uptime']),
      haState: optionalText(entry['hastate']),
    })),
    guests: ofType('qemu', 'lxc').map(readGuestResource),
    storages: ofType('storage').map((entry) => ({
      storage: text(entry['storage']),
      node: text(entry['node']),
      pluginType: optionalText(entry['plugintype']),
      available: entry['status'] === 'available',
      shared: flag(entry['shared']),
      content: names(entry['content']),
      used: count(entry['disk']),
      size: count(entry['maxdisk']),
    })),
  };
}

function readGuestResource(entry: Raw): GuestResource {
  return {
    type: entry['type'] as GuestType,
    vmid: count(entry['vmid']) ?? 0,
    node: text(entry['node']),
    name: optionalText(entry['name']),
    status: optionalText(entry['status']) ?? 'unknown',
    template: flag(entry['template']),
    maxCpu: count(entry['maxcpu']),
    memory: count(entry['mem']),
    maxMemory: count(entry['maxmem']),
    maxDisk: count(entry['maxdisk']),
    uptime: count(entry['uptime']),
    lock: optionalText(entry['lock']),
    tags: names(entry['tags']),
    haState: optionalText(entry['hastate']),
  };
}

function nodeState(value: unknown): 'online' | 'offline' | 'unknown' {
  return value === 'online' || value === 'offline' ? value : 'unknown';
}

function readOptions(data: unknown): ClusterOptions {
  const raw = record(data, 'cluster options');
  // Options that are property strings may come taken apart.
  const ha = typeof raw['ha'] === 'object' ? optionalRecord(raw['ha']) : Object.fromEntries(properties(raw['ha']));
  return {
    haShutdownPolicy: optionalText(ha['shutdown_policy']) ?? 'conditional',
    maxWorkers: count(raw['max_workers']),
    migration: typeof raw['migration'] === 'object' ? JSON.stringify(raw['migration']) : optionalText(raw['migration']),
  };
}

function readQDevice(data: unknown): QDevice {
  const raw = optionalRecord(data);
  const state = optionalText(raw['State']);
  return {
    present: Object.keys(raw).length > 0,
    connected: state === 'Connected',
    state,
    host: optionalText(raw['QNetd host']),
  };
}

function readBackupJobs(data: unknown): readonly BackupJob[] {
  return list(data, 'backup job list').map((job) => ({
    id: text(job['id']),
    // An absent key means enabled.
    enabled: optionalFlag(job['enabled']) ?? true,
    schedule: optionalText(job['schedule']),
    nextRun: count(job['next-run']),
    storage: optionalText(job['storage']),
  }));
}

function readNodes(data: unknown): readonly NodeListing[] {
  return list(data, 'node list').map((node) => ({
    node: text(node['node']),
    status: nodeState(node['status']),
    uptime: count(node['uptime']),
    fingerprint: optionalText(node['ssl_fingerprint']),
  }));
}
