import type { ClusterSnapshot } from '../domain/cluster.ts';
import type { GuestMove } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';

/**
 * Guests that would not fit on their home any more, because others were brought or started there while it was empty.
 * Those others stay, and so do these: an overcommitted node is worse than a guest on the wrong one.
 *
 * What the node held before may always come back, also where that is more than the memory reserve allows.
 *
 * @param moves All guests that ran on the node before.
 * @param returning vmids of those that we move back.
 */
export function withoutRoomAtHome(
  snapshot: ClusterSnapshot,
  node: string,
  moves: readonly GuestMove[],
  returning: readonly number[],
  policy: Pick<Policy, 'memoryReservePercent'>,
): number[] {
  const home = snapshot.nodes.find((each) => each.name === node);
  if (!home) return [];
  const own = new Set(moves.map((move) => move.vmid));
  const strangers = snapshot.guests.filter((guest) => guest.node === node && guest.running && !own.has(guest.vmid));
  const usable = Math.floor(home.memory * (1 - policy.memoryReservePercent / 100));
  const back = moves.filter((move) => returning.includes(move.vmid));
  let room =
    Math.max(usable, memoryOf(moves)) -
    memoryOf(strangers) -
    memoryOf(moves.filter((move) => !returning.includes(move.vmid)));
  const left: number[] = [];
  for (const { vmid, maxMemory } of [...back].sort((a, b) => b.maxMemory - a.maxMemory || a.vmid - b.vmid)) {
    if (maxMemory <= room) room -= maxMemory;
    else left.push(vmid);
  }
  return left;
}

function memoryOf(guests: readonly { readonly maxMemory: number }[]): number {
  return guests.reduce((total, guest) => total + guest.maxMemory, 0);
}
