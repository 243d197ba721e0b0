import type {
  ClusterStatus,
  GuestResource,
  HaManagerStatus,
  HaResource,
  HaStatusLine,
  ProxmoxClient,
} from '../../clients/proxmox/index.ts';
import type { NodeHealth, QuorumState } from '../../domain/cluster.ts';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import type { GuestBefore, NodeBefore, SiteBefore } from '../../domain/outage.ts';
import { haArming, haMaster } from '../cluster.ts';
import { mapLimited } from '../map-limited.ts';
import { readHealthSoFar } from '../node.ts';
import { ANSWER_MS, ask } from './ask.ts';
import type { PowerDeps } from './deps.ts';
import { readOverSsh } from './guests-over-ssh.ts';
import { requestOf } from './ha-requests.ts';
import { isApiUp, ownApi } from './signs-of-life.ts';
import { readVotesOn } from './votes.ts';

export interface ReadSiteInput {
  /** What is not known by then is left out; 45 seconds unless said otherwise. */
  readonly within?: Duration;
}

/** Milliseconds at most for the lists of the cluster, and at least for what comes after them: all that a node is asked. */
const LISTS_MS = 15_000;
const NODE_MS = 4_000;

/** A homelab node answers a handful of calls at a time. */
const PARALLEL_READS = 4;

export function createSiteActivities(deps: PowerDeps) {
  return {
    /**
     * The site as it is now, as far as it answers in time. Of the guests of a node that hangs is believed what it says over
     * SSH, or what the lists of the cluster do. Fails when no node answers. Sources: `/cluster/status`, `/cluster/resources`, `/cluster/ha/*`,
     * `/nodes/{node}/{type}/{vmid}/status/current` and `config`, `pvecm status`.
     */
    async readSite({ within = '45 seconds' }: ReadSiteInput = {}): Promise<SiteBefore> {
      const left = timeOf(toMilliseconds(within));
      const lists = await ask(
        (signal) => readLists(deps.proxmox.with({ signal })),
        Math.min(LISTS_MS, Math.max(NODE_MS, left() - NODE_MS)),
      );
      if ('trouble' in lists) throw lists.trouble;
      const { status, resources, haResources, haLines, manager } = lists.value;
      const sids = new Map(
        haResources.filter(({ state }) => state !== 'ignored').map(({ sid }) => [Number(sid.split(':')[1]), sid]),
      );
      const online = status.nodes.filter((node) => node.online).map(({ name }) => name);
      const listed = resources.guests.filter(({ template }) => !template);
      const [votes, ...seen] = await Promise.all([
        readVotes(deps, status, left),
        ...online.map((node) =>
          readNode(
            deps,
            node,
            listed.filter((guest) => guest.node === node),
            left,
          ),
        ),
      ]);
      const health = new Map(seen.map((node) => [node.name, node.health]));
      const own = new Map(seen.flatMap((node) => node.guests).map((guest) => [guest.vmid, guest]));
      return {
        takenAt: new Date().toISOString(),
        quorum: votes.quorum,
        nodes: status.nodes.map(({ name, nodeId, online: isOnline }): NodeBefore => ({
          name,
          online: isOnline,
          votes: votes.of(nodeId),
          memory: resources.nodes.find(({ node }) => node === name)?.maxMemory ?? 0,
          health: health.get(name) ?? null,
        })),
        guests: listed
          .map((guest) => guestBefore(guest, own.get(guest.vmid), sids.get(guest.vmid) ?? null))
          .sort((a, b) => a.vmid - b.vmid),
        ha: {
          armed: haArming(haLines),
          active: isHaActive(haResources, haLines, manager),
          requested: Object.fromEntries(haResources.flatMap(({ sid, state }) => entryOf(sid, requestOf(state)))),
        },
      };
    },
  };
}

async function readLists(proxmox: ProxmoxClient) {
  const [status, resources, haResources, haLines, manager] = await Promise.all([
    proxmox.clusterStatus(),
    proxmox.resources(),
    proxmox.haResources(),
    proxmox.haStatus(),
    proxmox.haManagerStatus(),
  ]);
  return { status, resources, haResources, haLines, manager };
}

/** What a guest says of itself; the lists of the cluster are some seconds old. */
interface GuestSeen {
  readonly vmid: number;
  readonly running: boolean;
  readonly lock: string | null;
  readonly startupOrder: number | null;
}

interface NodeSeen {
  readonly name: string;
  readonly health: NodeHealth | null;
  readonly guests: readonly GuestSeen[];
}

/** Milliseconds that are left. */
type Left = () => number;

function timeOf(ms: number): Left {
  const begun = performance.now();
  return () => Math.max(0, ms - (performance.now() - begun));
}

async function readNode(
  deps: PowerDeps,
  name: string,
  guests: readonly GuestResource[],
  left: Left,
): Promise<NodeSeen> {
  const isUp = await ask(() => isApiUp(deps, name), left());
  if (!('value' in isUp && isUp.value)) {
    const seen = await ask(() => readGuestsOverSsh(deps, name, guests), left());
    return { name, health: null, guests: 'value' in seen ? seen.value : [] };
  }
  const [health, seen] = await Promise.all([
    ask(() => readHealthSoFar(deps, name), left()),
    mapLimited(guests, PARALLEL_READS, async (guest) => {
      const answer = await ask((signal) => readGuest(ownApi(deps, name, signal), guest), Math.min(ANSWER_MS, left()));
      return 'value' in answer ? [answer.value] : [];
    }),
  ]);
  const answered = 'value' in health && (health.value.bootId !== null || health.value.ownQuorate !== null);
  return { name, health: answered ? health.value : null, guests: seen.flat() };
}

/** Whether they run is what counts; the rest is in the lists, or not known. */
async function readGuestsOverSsh(
  deps: PowerDeps,
  name: string,
  guests: readonly GuestResource[],
): Promise<GuestSeen[]> {
  const said = await readOverSsh(
    deps,
    name,
    guests.map(({ type, vmid }) => ({ kind: type, vmid })),
  );
  if ('trouble' in said) return [];
  return guests.flatMap(({ vmid, lock }) => {
    const state = said.value.get(vmid);
    return state === 'running' || state === 'stopped'
      ? [{ vmid, running: state === 'running', lock: lock ?? null, startupOrder: null }]
      : [];
  });
}

async function readGuest(proxmox: ProxmoxClient, guest: GuestResource): Promise<GuestSeen> {
  const { running, lock } = await proxmox.guestStatus(guest);
  const startupOrder = running ? ((await proxmox.guestConfig(guest)).startup.order ?? null) : null;
  return { vmid: guest.vmid, running, lock: lock ?? null, startupOrder };
}

function guestBefore(listed: GuestResource, seen: GuestSeen | undefined, sid: string | null): GuestBefore {
  const { vmid, type, name, node, tags, maxMemory, status, lock } = listed;
  return {
    ...{ vmid, kind: type, name: name ?? String(vmid), node, tags, maxMemory: maxMemory ?? 0, sid },
    running: seen?.running ?? status === 'running',
    lock: seen ? seen.lock : (lock ?? null),
    startupOrder: seen?.startupOrder ?? null,
  };
}

interface Votes {
  readonly quorum: QuorumState;
  readonly of: (nodeId: number) => number;
}

/** By the first node that says; without any, every node counts for one vote, as Proxmox sets clusters up. */
async function readVotes(deps: PowerDeps, { nodes, quorate }: ClusterStatus, left: Left): Promise<Votes> {
  const online = nodes.filter((node) => node.online);
  const answers = await Promise.all(
    online.map(({ name }) => ask((signal) => readVotesOn(deps, name, signal), Math.min(ANSWER_MS, left()))),
  );
  for (const answer of answers) {
    if ('trouble' in answer) continue;
    const { expectedVotes, quorum, qdevice, members } = answer.value;
    const device = qdevice && { votes: qdevice.votes, connected: qdevice.connected };
    const state = { quorate: quorate && answer.value.quorate, expectedVotes, quorum, qdevice: device };
    return { quorum: state, of: (nodeId) => members.get(nodeId) ?? 0 };
  }
  const device = await ask((signal) => deps.proxmox.with({ signal }).qdevice());
  const qdevice = 'value' in device && device.value.present ? { votes: 1, connected: device.value.connected } : null;
  const expectedVotes = nodes.length + (qdevice?.votes ?? 0);
  const quorum = { quorate, expectedVotes, quorum: Math.floor(expectedVotes / 2) + 1, qdevice };
  const present = new Set(online.map(({ nodeId }) => nodeId));
  return { quorum, of: (nodeId) => (present.has(nodeId) ? 1 : 0) };
}

/** A watchdog is at work as long as something is wanted of HA, or a manager is not idle yet; none once it is disarmed. */
function isHaActive(
  resources: readonly HaResource[],
  lines: readonly HaStatusLine[],
  { lrm }: HaManagerStatus,
): boolean {
  if (haArming(lines) === 'disarmed') return false;
  const wanted = resources.some(({ state }) => requestOf(state) === 'started');
  return wanted || haMaster(lines).masterActive || [...lrm.values()].some(({ state }) => state === 'active');
}

function entryOf(sid: string, state: string | null): [string, string][] {
  return state === null ? [] : [[sid, state]];
}
