import {
  isGuestGone,
  type ClusterResources,
  type ClusterStatus,
  type GuestResource,
  type HaManagerStatus,
  type HaStatusLine,
} from '../clients/proxmox/index.ts';
import { parsePvecmStatus, type PvecmStatus } from '../clients/pvecm/status.ts';
import type { ClusterSnapshot, Guest, GuestHa, HaArming, HaState, LrmState, NodeState } from '../domain/cluster.ts';
import type { ActivityDeps } from './deps.ts';
import { isPassing, NoClearAnswer } from './guard.ts';
import { readHaAffinities } from './ha-affinities.ts';
import { readMobility, type CpuModels } from './mobility.ts';
import { mapLimited } from './map-limited.ts';

/** A homelab node answers a handful of calls at a time; more only queue up in its three API workers. */
const PARALLEL_READS = 4;

/** So often the list of guests is read anew because one of them has moved or gone meanwhile. */
const LISTING_TRIES = 3;

export function createClusterActivities(deps: ActivityDeps) {
  return {
    /**
     * Votes, nodes, guests and HA as they are now. What holds a guest in its place, or starts it at a boot, is read for the
     * guests of the nodes in `leaving` only. Sources: `/cluster/status`, `/cluster/resources`, `/cluster/ha/status/*`, `pvecm status`.
     */
    async readCluster({ leaving }: { leaving: readonly string[] }): Promise<ClusterSnapshot> {
      const { proxmox } = deps;
      const [status, manager, haLines, haResources] = await Promise.all([
        proxmox.clusterStatus(),
        proxmox.haManagerStatus(),
        proxmox.haStatus(),
        proxmox.haResources(),
      ]);
      const rules = await readHaAffinities(proxmox, haResources);
      const votes = await readVotes(deps, status);
      const ha = haByVmid(
        manager,
        // The HA manager keeps its hands off an ignored one: it moves like a guest without HA.
        haResources.filter((each) => each.state !== 'ignored').map((each) => each.sid),
      );
      const online = new Set(status.nodes.filter((node) => node.online).map((node) => node.name));
      const cpuModels = once(() => readCpuModels(deps, [...online]));
      const { resources, guests } = await readGuests(deps, (guest, listed) => ({
        ha: ha.get(guest.vmid) ?? null,
        reachable: online.has(guest.node),
        askMobility: leaving.includes(guest.node),
        resources: listed,
        cpuModels,
      }));
      return {
        cluster: status.name ?? '',
        takenAt: new Date().toISOString(),
        quorum: {
          quorate: status.quorate && votes.quorate,
          expectedVotes: votes.expectedVotes,
          quorum: votes.quorum,
          qdevice: votes.qdevice && { votes: votes.qdevice.votes, connected: votes.qdevice.connected },
        },
        nodes: status.nodes.map((node) =>
          nodeState(node.name, node.online, votes.members.get(node.nodeId) ?? 0, resources, manager),
        ),
        guests: guests.sort((a, b) => a.vmid - b.vmid),
        ha: {
          ...haMaster(haLines),
          startedServices: haResources.filter((each) => each.state === 'started' || each.state === 'enabled').length,
          armed: haArming(haLines),
          rules,
        },
      };
    },
  };
}

/** Asked for only where a guest depends on it. */
async function readCpuModels({ proxmox }: ActivityDeps, nodes: readonly string[]): Promise<CpuModels> {
  const models = await mapLimited(nodes, PARALLEL_READS, async (node) => {
    const { cpuModel } = await proxmox.nodeStatus(node);
    return [node, cpuModel ?? `a model that ${node} does not tell`] as const;
  });
  return new Map(models);
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return () => (answer ??= read());
}

/** Any online node can say; the first that answers is believed, for a split shows in the quorum figures themselves. */
async function readVotes(deps: ActivityDeps, status: ClusterStatus): Promise<PvecmStatus> {
  let last: unknown = new Error('no node of the cluster is online');
  for (const node of status.nodes.filter((each) => each.online)) {
    try {
      const { stdout } = await deps.ssh(node.name).exec('pvecm status');
      return parsePvecmStatus(stdout);
    } catch (error) {
      if (!isPassing(error)) throw error;
      last = error;
    }
  }
  throw last;
}

function nodeState(
  name: string,
  online: boolean,
  votes: number,
  resources: ClusterResources,
  manager: HaManagerStatus,
): NodeState {
  return {
    name,
    online,
    votes,
    memory: resources.nodes.find((node) => node.node === name)?.maxMemory ?? 0,
    lrm: lrmState(manager.lrm.get(name)),
    maintenance: manager.maintenanceRequested.has(name) || manager.nodes.get(name) === 'maintenance',
  };
}

function lrmState(lrm: { mode: string; state: string } | undefined): LrmState {
  if (!lrm) return 'unknown';
  if (lrm.mode === 'maintenance' || lrm.state === 'maintenance') return 'maintenance';
  if (lrm.state === 'active') return 'active';
  return lrm.state === 'wait_for_agent_lock' ? 'idle' : 'unknown';
}

export function haMaster(lines: readonly HaStatusLine[]): Pick<HaState, 'master' | 'masterActive'> {
  const master = lines.find((line) => line.type === 'master');
  return { master: master?.node ?? null, masterActive: /\(active\b/.test(master?.status ?? '') };
}

export function haArming(lines: readonly HaStatusLine[]): HaArming | null {
  const state = lines.find((line) => line.type === 'fencing')?.armedState;
  return state === 'armed' || state === 'standby' || state === 'disarming' || state === 'disarmed' ? state : null;
}

function haByVmid(manager: HaManagerStatus, sids: readonly string[]): Map<number, GuestHa> {
  const states = new Map(manager.services.map((service) => [service.sid, service.state]));
  return new Map(sids.map((sid) => [Number(sid.split(':')[1]), { sid, state: states.get(sid) ?? 'queued' }]));
}

interface GuestContext {
  readonly ha: GuestHa | null;
  readonly reachable: boolean;
  readonly askMobility: boolean;
  readonly resources: ClusterResources;
  readonly cpuModels: () => Promise<CpuModels>;
}

/** The list and each guest's own word; a guest that moves or is deleted in between makes the list outdated. */
async function readGuests(
  deps: ActivityDeps,
  contextOf: (guest: GuestResource, resources: ClusterResources) => GuestContext,
): Promise<{ resources: ClusterResources; guests: Guest[] }> {
  let gone: unknown;
  for (let attempt = 1; attempt <= LISTING_TRIES; attempt++) {
    const resources = await deps.proxmox.resources();
    try {
      const guests = await mapLimited(resources.guests, PARALLEL_READS, (guest) =>
        readGuest(deps, guest, contextOf(guest, resources)),
      );
      return { resources, guests };
    } catch (error) {
      if (!isGuestGone(error)) throw error;
      gone = error;
    }
  }
  throw new NoClearAnswer(`the list of guests is outdated: ${(gone as Error).message}`, { cause: gone });
}

async function readGuest(deps: ActivityDeps, resource: GuestResource, context: GuestContext): Promise<Guest> {
  const { vmid, type, node, template } = resource;
  // The list is fed every ten seconds by pvestatd; only the guest's own status is current.
  const status = context.reachable && !template ? await deps.proxmox.guestStatus(resource) : null;
  const running = status?.running ?? false;
  // One that is locked does not say, and must not move.
  const mobility =
    context.askMobility && running && status?.lock === undefined
      ? await readMobility(deps.proxmox, resource, context.resources, context.cpuModels)
      : { obstacles: [], hasLocalDisks: false, replicatedTo: [], startupOrder: null };
  // What is under HA is started by the HA manager or not at all.
  const idle = context.askMobility && status !== null && !running && context.ha === null;
  return {
    vmid,
    kind: type,
    name: resource.name ?? String(vmid),
    node,
    running,
    template,
    maxMemory: resource.maxMemory ?? 0,
    tags: resource.tags,
    lock: status?.lock ?? null,
    ha: context.ha,
    startsAtBoot: idle && (await deps.proxmox.guestConfig(resource)).onBoot,
    ...mobility,
  };
}
