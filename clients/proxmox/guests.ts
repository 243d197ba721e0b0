import { isGuestGone, ProxmoxError } from './errors.ts';
import type { RawCalls } from './failover.ts';
import type {
  GuestConfig,
  GuestLocation,
  GuestRef,
  GuestStatus,
  GuestType,
  MigrateOptions,
  MigratePreconditions,
  NodeObstacles,
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
  properties,
  record,
  text,
  type Raw,
} from './wire.ts';

/**
 * Calls about one guest. For a guest under HA, the task that `startGuest`, `shutdownGuest`, `stopGuest` and
 * `migrateGuest` return only queues a command (`hastart`, `hastop`, `hamigrate`) and ends at once: judge by
 * `guestLocation`.
 */
export interface GuestCalls {
  /** `GET /nodes/{node}/{type}/{vmid}/config` */
  guestConfig(guest: GuestRef): Promise<GuestConfig>;
  /** `GET /nodes/{node}/{type}/{vmid}/status/current` */
  guestStatus(guest: GuestRef): Promise<GuestStatus>;
  /** `POST …/status/start`; returns the UPID. */
  startGuest(guest: GuestRef): Promise<string>;
  /** `POST …/status/shutdown`; returns the UPID. */
  shutdownGuest(guest: GuestRef, options?: { timeoutSeconds?: number; forceStop?: boolean }): Promise<string>;
  /** `POST …/status/stop`; returns the UPID. It waits for a shutdown that runs, unless that is overruled (since 8.2). */
  stopGuest(guest: GuestRef, options?: { overruleShutdown?: boolean }): Promise<string>;
  /** `GET …/migrate`; for containers since 9.0, before that it fails as `ProxmoxNotImplemented`. */
  migratePreconditions(guest: GuestRef, target?: string): Promise<MigratePreconditions>;
  /** `POST …/migrate`; returns the UPID. */
  migrateGuest(guest: GuestRef, options: MigrateOptions): Promise<string>;
  /**
   * Where the guest is by the cluster's configuration, and what it does there by that node's own word.
   * Undefined if no guest has this vmid; `status` is `unknown`, and `running` says nothing, if its node does not answer.
   */
  guestLocation(vmid: number): Promise<GuestLocation | undefined>;
}

export function createGuestCalls(calls: RawCalls): GuestCalls {
  const guestStatus = (guest: GuestRef): Promise<GuestStatus> =>
    calls.read(`${guestPath(guest)}/status/current`, readStatus);
  return {
    guestStatus,
    guestConfig: (guest) => calls.read(`${guestPath(guest)}/config`, readConfig),
    startGuest: (guest) => calls.start(`${guestPath(guest)}/status/start`),
    shutdownGuest: (guest, options = {}) =>
      calls.start(`${guestPath(guest)}/status/shutdown`, {
        timeout: options.timeoutSeconds,
        forceStop: options.forceStop,
      }),
    stopGuest: (guest, options = {}) =>
      calls.start(`${guestPath(guest)}/status/stop`, { 'overrule-shutdown': options.overruleShutdown }),
    migratePreconditions: (guest, target) => calls.read(`${guestPath(guest)}/migrate`, readPreconditions, { target }),
    migrateGuest: (guest, options) => calls.start(`${guestPath(guest)}/migrate`, migrateParams(guest.type, options)),
    guestLocation: (vmid) => guestLocation(calls, guestStatus, vmid),
  };
}

export function guestPath(guest: GuestRef): string {
  return `/nodes/${guest.node}/${guest.type}/${guest.vmid}`;
}

function migrateParams(
  type: GuestType,
  options: MigrateOptions,
): Record<string, string | number | boolean | undefined> {
  const { target } = options;
  if (type === 'lxc') return { target, restart: options.restart, timeout: options.timeoutSeconds };
  return { target, online: options.online, 'with-local-disks': options.withLocalDisks };
}

const locationRounds = 3;

async function guestLocation(
  calls: RawCalls,
  guestStatus: (guest: GuestRef) => Promise<GuestStatus>,
  vmid: number,
): Promise<GuestLocation | undefined> {
  for (let round = 1; ; round += 1) {
    const found = (await calls.read('/cluster/resources', guestPlaces, { type: 'vm' })).find(
      (guest) => guest.vmid === vmid,
    );
    if (found === undefined) return undefined;
    try {
      const { status, running, lock, haManaged } = await guestStatus(found);
      return { ...found, status, running, lock, haManaged };
    } catch (error) {
      if (!(error instanceof ProxmoxError)) throw error;
      // It moved between the two calls.
      if (isGuestGone(error) && round < locationRounds) continue;
      if (!isGuestGone(error) && error.outcome !== 'retryable') throw error;
      return { ...found, status: 'unknown', running: false, lock: undefined, haManaged: undefined };
    }
  }
}

function guestPlaces(data: unknown): readonly (GuestRef & { readonly name: string | undefined })[] {
  return list(data, 'resource list')
    .filter((entry) => entry['type'] === 'qemu' || entry['type'] === 'lxc')
    .map((entry) => ({
      type: entry['type'] as GuestType,
      vmid: count(entry['vmid']) ?? 0,
      node: text(entry['node']),
      name: optionalText(entry['name']),
    }));
}

function readStatus(data: unknown): GuestStatus {
  const raw = record(data, 'guest status');
  const ha = optionalRecord(raw['ha']);
  const status = text(raw['status']);
  return {
    status,
    running: status === 'running',
    qmpStatus: optionalText(raw['qmpstatus']),
    lock: optionalText(raw['lock']),
    uptime: count(raw['uptime']) ?? 0,
    haManaged: flag(ha['managed']),
    haState: optionalText(ha['state']),
    agent: flag(raw['agent']),
    runningQemu: optionalText(raw['running-qemu']),
  };
}

function readConfig(data: unknown): GuestConfig {
  const raw = record(data, 'guest configuration');
  const agent = properties(raw['agent']);
  const memory = properties(raw['memory']);
  return {
    // VMs have a name, containers a hostname.
    name: optionalText(raw['name']) ?? optionalText(raw['hostname']),
    onBoot: flag(raw['onboot']),
    protection: flag(raw['protection']),
    template: flag(raw['template']),
    tags: names(raw['tags']),
    lock: optionalText(raw['lock']),
    startup: readStartup(raw),
    agent: flag(optionalText(raw['agent']) === '1' ? 1 : (agent.get('enabled') ?? agent.get(''))),
    memory: count(raw['memory']) ?? count(memory.get('current') ?? memory.get('')),
    raw: Object.fromEntries(Object.entries(raw).flatMap(([key, value]) => textEntry(key, value))),
  };
}

function textEntry(key: string, value: unknown): [string, string][] {
  const found = optionalText(value);
  return found === undefined ? [] : [[key, found]];
}

/** `order=1,up=30,down=60`; the order may stand alone. */
function readStartup(raw: Raw): GuestConfig['startup'] {
  const given = properties(raw['startup']);
  const pick = (key: 'order' | 'up' | 'down'): object => {
    const value = count(given.get(key) ?? (key === 'order' ? given.get('') : undefined));
    return value === undefined ? {} : { [key]: value };
  };
  return { ...pick('order'), ...pick('up'), ...pick('down') };
}

function localVolumes(raw: Raw): { readonly volume: string; readonly image: boolean }[] {
  return optionalList(raw['local_disks']).flatMap((disk) => {
    const volume = optionalText(disk['volid']);
    return volume === undefined ? [] : [{ volume, image: flag(disk['cdrom']) }];
  });
}

/** VMs answer with underscores, containers with hyphens. */
function readPreconditions(data: unknown): MigratePreconditions {
  const raw = record(data, 'migration preconditions');
  const allowed = raw['allowed_nodes'] ?? raw['allowed-nodes'];
  const refused = optionalRecord(raw['not_allowed_nodes'] ?? raw['not-allowed-nodes']);
  return {
    allowedNodes: allowed === undefined ? undefined : names(allowed),
    notAllowed: new Map(Object.entries(refused).map(([node, why]) => [node, readObstacles(why)])),
    running: optionalFlag(raw['running']) ?? false,
    localDisks: localVolumes(raw)
      .filter((disk) => !disk.image)
      .map((disk) => disk.volume),
    localImages: localVolumes(raw)
      .filter((disk) => disk.image)
      .map((disk) => disk.volume),
    localResources: names(raw['local_resources']),
    mappedResources: names(raw['mapped-resources']),
    dependentHaResources: names(raw['dependent-ha-resources']),
  };
}

function readObstacles(value: unknown): NodeObstacles {
  const raw = optionalRecord(value);
  return {
    storages: names(raw['unavailable_storages']),
    resources: names(raw['unavailable-resources']),
    ha: optionalList(raw['blocking-ha-resources']).map((entry) => ({
      sid: text(entry['sid']),
      cause: optionalText(entry['cause']) ?? 'unknown',
    })),
  };
}
