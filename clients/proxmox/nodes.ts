import type { RawCalls } from './failover.ts';
import { taskListings } from './listings.ts';
import type {
  BackupVolume,
  CephStatus,
  NodeStatus,
  NodeStorage,
  PackageVersion,
  PendingPackage,
  Replication,
  Repositories,
  Service,
  TaskFilter,
  TaskListing,
} from './types.ts';
import {
  count,
  flag,
  list,
  names,
  optionalFlag,
  optionalList,
  optionalRecord,
  optionalText,
  record,
  text,
} from './wire.ts';

export interface NodeCalls {
  /** `GET /nodes/{node}/status` */
  nodeStatus(node: string): Promise<NodeStatus>;
  /** `GET /nodes/{node}/services` */
  services(node: string): Promise<readonly Service[]>;
  /** `GET /nodes/{node}/storage` */
  storages(node: string): Promise<readonly NodeStorage[]>;
  /**
   * `GET /nodes/{node}/storage/{storage}/content`: backups of a guest there. Those that the token may not use are left
   * out without a word (needs VM.Backup on the guest and Datastore.AllocateSpace).
   */
  backupVolumes(node: string, storage: string, vmid: number): Promise<readonly BackupVolume[]>;
  /** `GET /nodes/{node}/tasks`, newest first as the node lists them. */
  tasks(node: string, filter?: TaskFilter): Promise<readonly TaskListing[]>;
  /** `POST /nodes/{node}/apt/update`: refreshes the package lists; returns the UPID of the `aptupdate` task. */
  refreshPackages(node: string): Promise<string>;
  /** `GET /nodes/{node}/apt/update`: what an upgrade would bring, as of the last refresh (needs Sys.Modify). */
  pendingPackages(node: string): Promise<readonly PendingPackage[]>;
  /** `GET /nodes/{node}/apt/versions`: the packages Proxmox VE consists of. */
  packageVersions(node: string): Promise<readonly PackageVersion[]>;
  /** `GET /nodes/{node}/apt/repositories` */
  repositories(node: string): Promise<Repositories>;
  /** `GET /nodes/{node}/subscription`: its status, such as `active` or `notfound`. */
  subscription(node: string): Promise<string>;
  /** `POST /nodes/{node}/status`: answers at once, the node goes down 2 s later. */
  rebootNode(node: string): Promise<void>;
  /** `POST /nodes/{node}/status`: answers at once, the node goes down 2 s later. */
  shutdownNode(node: string): Promise<void>;
  /**
   * `POST /nodes/{node}/wakeonlan`: the node that answers the call (choose it with `via`) sends a magic packet for `node`
   * into its own network; Proxmox hands the call to no other, and no node wakes itself. Needs the MAC address in the
   * settings of `node` (`wakeonlan`), which is returned, and Sys.PowerMgmt on it. That the packet was sent says nothing
   * about the node.
   */
  wakeNode(node: string): Promise<string>;
  /** `GET /nodes/{node}/replication`: jobs of the guests that are on this node now. */
  replications(node: string): Promise<readonly Replication[]>;
  /** `GET /nodes/{node}/ceph/status`; fails with status 500 where Ceph is not installed. */
  cephStatus(node: string): Promise<CephStatus>;
  /** `POST /nodes/{node}/replication/{id}/schedule_now` */
  scheduleReplication(node: string, id: string): Promise<void>;
}

export function createNodeCalls(calls: RawCalls): NodeCalls {
  async function command(node: string, name: 'reboot' | 'shutdown'): Promise<void> {
    await calls.post(`/nodes/${node}/status`, { command: name });
  }
  return {
    nodeStatus: (node) => calls.read(`/nodes/${node}/status`, readNodeStatus),
    services: (node) => calls.read(`/nodes/${node}/services`, readServices),
    storages: (node) => calls.read(`/nodes/${node}/storage`, readStorages),
    backupVolumes: (node, storage, vmid) =>
      calls.read(`/nodes/${node}/storage/${encodeURIComponent(storage)}/content`, readBackupVolumes(storage), {
        content: 'backup',
        vmid,
      }),
    tasks: (node, filter = {}) => calls.read(`/nodes/${node}/tasks`, taskListings, taskParams(filter)),
    refreshPackages: (node) => calls.start(`/nodes/${node}/apt/update`),
    pendingPackages: (node) => calls.read(`/nodes/${node}/apt/update`, readPending),
    packageVersions: (node) => calls.read(`/nodes/${node}/apt/versions`, readVersions),
    repositories: (node) => calls.read(`/nodes/${node}/apt/repositories`, readRepositories),
    subscription: (node) => calls.read(`/nodes/${node}/subscription`, readSubscription),
    rebootNode: (node) => command(node, 'reboot'),
    shutdownNode: (node) => command(node, 'shutdown'),
    wakeNode: (node) => calls.send(`/nodes/${node}/wakeonlan`, text),
    replications: (node) => calls.read(`/nodes/${node}/replication`, readReplications),
    cephStatus: (node) => calls.read(`/nodes/${node}/ceph/status`, readCephStatus),
    scheduleReplication: async (node, id) => {
      await calls.post(`/nodes/${node}/replication/${encodeURIComponent(id)}/schedule_now`);
    },
  };
}

function taskParams(filter: TaskFilter): Record<string, string | number | undefined> {
  const { source, type, vmid, since, limit } = filter;
  return { source, typefilter: type, vmid, since, limit };
}

function readNodeStatus(data: unknown): NodeStatus {
  const raw = record(data, 'node status');
  const memory = optionalRecord(raw['memory']);
  const root = optionalRecord(raw['rootfs']);
  const cpu = optionalRecord(raw['cpuinfo']);
  return {
    uptime: count(raw['uptime']) ?? 0,
    kernel: kernelRelease(raw),
    pveVersion: optionalText(raw['pveversion']),
    loadAverage: (Array.isArray(raw['loadavg']) ? raw['loadavg'] : []).map((load) => count(load) ?? 0),
    cpus: count(cpu['cpus']),
    cpuModel: optionalText(cpu['model']),
    memoryTotal: count(memory['total']),
    memoryUsed: count(memory['used']),
    rootTotal: count(root['total']),
    rootAvailable: count(root['avail']),
  };
}

/** Since 8.x `current-kernel`; before, the second word of `kversion`. */
function kernelRelease(raw: Readonly<Record<string, unknown>>): string | undefined {
  const release = optionalText(optionalRecord(raw['current-kernel'])['release']);
  return release ?? /^Linux (\S+)/.exec(optionalText(raw['kversion']) ?? '')?.[1];
}

function readServices(data: unknown): readonly Service[] {
  return list(data, 'service list').map((service) => ({
    name: text(service['service'] ?? service['name']),
    state: optionalText(service['state']) ?? 'unknown',
    activeState: optionalText(service['active-state']),
    unitState: optionalText(service['unit-state']),
  }));
}

function readStorages(data: unknown): readonly NodeStorage[] {
  return list(data, 'storage list').map((storage) => ({
    storage: text(storage['storage']),
    type: text(storage['type']),
    content: names(storage['content']),
    // An absent key means enabled.
    enabled: optionalFlag(storage['enabled']) ?? true,
    active: flag(storage['active']),
    shared: flag(storage['shared']),
    total: count(storage['total']),
    used: count(storage['used']),
    available: count(storage['avail']),
  }));
}

function readBackupVolumes(storage: string): (data: unknown) => readonly BackupVolume[] {
  return (data) =>
    list(data, 'backup list').map((entry) => ({
      volume: text(entry['volid']),
      storage,
      takenAt: count(entry['ctime']),
      size: count(entry['size']),
      verification: optionalText(optionalRecord(entry['verification'])['state']),
    }));
}

function readPending(data: unknown): readonly PendingPackage[] {
  return list(data, 'package list').map((entry) => ({
    name: text(entry['Package']),
    from: optionalText(entry['OldVersion']),
    to: text(entry['Version']),
    origin: optionalText(entry['Origin']),
    title: optionalText(entry['Title']),
  }));
}

/** In this list `OldVersion` is what is installed and `Version` what an upgrade would install. */
function readVersions(data: unknown): readonly PackageVersion[] {
  return list(data, 'package list').map((entry) => {
    const state = optionalText(entry['CurrentState']) ?? 'NotInstalled';
    const candidate = optionalText(entry['Version']);
    return {
      name: text(entry['Package']),
      installed: state === 'Installed' ? (optionalText(entry['OldVersion']) ?? candidate) : undefined,
      candidate,
      state,
      runningKernel: optionalText(entry['RunningKernel']),
    };
  });
}

function readRepositories(data: unknown): Repositories {
  const raw = record(data, 'repository list');
  return {
    errors: optionalList(raw['errors']).map((entry) => ({
      path: optionalText(entry['path']) ?? '',
      error: optionalText(entry['error']) ?? '',
    })),
    warnings: optionalList(raw['infos'])
      .filter((entry) => entry['kind'] === 'warning')
      .map((entry) => ({ path: optionalText(entry['path']) ?? '', message: optionalText(entry['message']) ?? '' })),
    standard: optionalList(raw['standard-repos']).map((entry) => ({
      handle: text(entry['handle']),
      name: optionalText(entry['name']) ?? '',
      enabled: flag(entry['status']),
    })),
  };
}

function readCephStatus(data: unknown): CephStatus {
  const raw = record(data, 'Ceph status');
  const checks = Object.entries(record(record(raw['health'], 'Ceph health')['checks'], 'Ceph health checks'));
  return {
    checks: checks.map(([name, check]) => ({
      name,
      message: optionalText(optionalRecord(optionalRecord(check)['summary'])['message']) ?? '',
      muted: flag(optionalRecord(check)['muted']),
    })),
    placementGroups: Object.fromEntries(
      optionalList(optionalRecord(raw['pgmap'])['pgs_by_state']).map((each) => [
        text(each['state_name']),
        count(each['count']) ?? 0,
      ]),
    ),
    monitors: names(raw['quorum_names']),
  };
}

function readSubscription(data: unknown): string {
  return optionalText(record(data, 'subscription')['status']) ?? 'unknown';
}

function readReplications(data: unknown): readonly Replication[] {
  return list(data, 'replication list').map((job) => ({
    id: text(job['id']),
    guest: count(job['guest']) ?? 0,
    target: text(job['target']),
    lastSync: count(job['last_sync']),
    nextSync: count(job['next_sync']),
    failCount: count(job['fail_count']) ?? 0,
    error: optionalText(job['error']),
    running: job['pid'] !== undefined && job['pid'] !== null,
    disabled: flag(job['disable']),
  }));
}
