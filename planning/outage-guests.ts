import { toSeconds } from '../domain/duration.ts';
import type {
  GuestBefore,
  GuestTier,
  GuestToStop,
  NodeBefore,
  NodeShutdown,
  PowerSettings,
  SiteBefore,
} from '../domain/outage.ts';
import { placeGuests } from './placement.ts';
import { inStartupOrder } from './startup-order.ts';

/** Part of a node's memory that moved guests leave free: for Proxmox itself, and for what guests need beside their own. */
const MEMORY_RESERVE = 0.1;

/**
 * Guests of a node in the order in which they are shut down: the reverse of the order in which Proxmox starts them.
 * Those that others need (`guests.last`) come after all others, again in that order. Guests of HA are among them, for
 * the shutdown of a node leaves them out. The guest in which Caretaker runs is not: it goes with its node.
 */
export function tiersOf(site: SiteBefore, node: string, settings: PowerSettings): GuestTier[] {
  const running = stoppable(site, settings).filter((guest) => guest.node === node);
  return inStartOrder(running, settings)
    .reverse()
    .map((tier) => tier.map((guest) => toStop(guest, settings)));
}

/** Guests in the order in which they are started again: those that others need before all others. */
export function inStartOrder(guests: readonly GuestBefore[], settings: PowerSettings): GuestBefore[][] {
  const needed = guests.filter((guest) => isNeeded(guest, settings));
  const others = guests.filter((guest) => !needed.includes(guest));
  return [...inStartupOrder(needed), ...inStartupOrder(others)];
}

/**
 * Seconds until the node is off: its moves and its tiers one after the other, each as long as its slowest guest, the halt
 * and a margin.
 */
export function budgetOf({ moves, tiers }: Omit<NodeShutdown, 'node' | 'budget'>, { timeouts }: PowerSettings): number {
  const moving = moves.map(({ guest }) => guest.timeout);
  const stopping = tiers.map((tier) => Math.max(0, ...tier.map(({ timeout }) => timeout)));
  return sum([...moving, ...stopping]) + toSeconds(timeouts.halt) + toSeconds(timeouts.margin);
}

export interface Moves {
  readonly of: (node: string) => NodeShutdown['moves'];
  readonly warnings: readonly string[];
}

/**
 * Guests with a tag for it move from the nodes that phase 2 sheds to nodes that stay, counted by the memory they may grow
 * to. Only a running VM can move: a container would have to be restarted, and then it is shut down rather.
 *
 * @param haAway HA is disarmed first, and its guests cannot move then.
 */
export function planMoves(
  site: SiteBefore,
  { shed, stay }: { readonly shed: readonly string[]; readonly stay: readonly string[] },
  settings: PowerSettings,
  haAway: boolean,
): Moves {
  const tagged = stoppable(site, settings).filter(
    (guest) => shed.includes(guest.node) && guest.tags.some((tag) => settings.guests.migrateTags.includes(tag)),
  );
  const refusals = new Map(tagged.map((guest) => [guest.vmid, whyNotMove(guest, haAway)]));
  const movable = tagged.filter(({ vmid }) => refusals.get(vmid) === null);
  const room = new Map(
    site.nodes.filter(({ name }) => stay.includes(name)).map((node) => [node.name, roomOn(node, site)]),
  );
  const { targets } = placeGuests(
    movable.map(({ vmid, maxMemory }) => ({ vmid, need: maxMemory, allowed: [...room.keys()] })),
    room,
  );
  return {
    of: (node) =>
      movable.flatMap((guest) => {
        const to = targets.get(guest.vmid);
        return guest.node !== node || to === undefined ? [] : [{ guest: toStop(guest, settings), to }];
      }),
    warnings: tagged
      .filter(({ vmid }) => !targets.has(vmid))
      .map((guest) => {
        const why = refusals.get(guest.vmid) ?? 'no node that stays has memory for it';
        return `${describeGuest(guest)} does not move, it is shut down: ${why}`;
      }),
  };
}

function whyNotMove(guest: GuestBefore, haAway: boolean): string | null {
  if (guest.kind === 'lxc') return 'a container can move only by a restart';
  if (guest.lock !== null) return `it is locked (${guest.lock})`;
  if (guest.sid !== null && haAway) return 'HA is disarmed in phase 2';
  return null;
}

function roomOn(node: NodeBefore, site: SiteBefore): number {
  const taken = site.guests.filter((guest) => guest.running && guest.node === node.name);
  return Math.floor(node.memory * (1 - MEMORY_RESERVE)) - sum(taken.map(({ maxMemory }) => maxMemory));
}

/** Whether others need the guest, by its vmid, its name or one of its tags. */
function isNeeded({ vmid, name, tags }: GuestBefore, { guests: { last } }: PowerSettings): boolean {
  return [String(vmid), name, ...tags].some((word) => last.includes(word));
}

/** Words of `guests.last` that no guest of the site answers to. */
export function unknownLast(site: SiteBefore, settings: PowerSettings): string[] {
  return settings.guests.last.filter(
    (word) => !site.guests.some(({ vmid, name, tags }) => [String(vmid), name, ...tags].includes(word)),
  );
}

/** Guests that run and may be stopped, by their vmids. A template never runs. */
export function stoppable({ guests }: SiteBefore, { ownGuest }: PowerSettings): GuestBefore[] {
  return guests.filter((guest) => guest.running && guest.vmid !== ownGuest).toSorted((a, b) => a.vmid - b.vmid);
}

export function describeGuest({ name, vmid }: Pick<GuestBefore, 'name' | 'vmid'>): string {
  return `${name} (${vmid})`;
}

function toStop({ vmid, kind, name }: GuestBefore, { guests }: PowerSettings): GuestToStop {
  return { vmid, kind, name, timeout: toSeconds(guests.timeouts[vmid] ?? guests.timeout) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
