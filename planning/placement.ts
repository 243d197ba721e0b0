/** A guest that has to be put somewhere. */
export interface Parcel {
  readonly vmid: number;
  /** Bytes of memory it may grow to. */
  readonly need: number;
  /** Nodes that can take it, whatever their room. */
  readonly allowed: readonly string[];
  /** Others that must not be put on the same node. */
  readonly apart?: readonly number[];
}

export interface Placement {
  /** Node of each guest that was placed, by vmid. */
  readonly targets: ReadonlyMap<number, string>;
  /**
   * What is left over, with the node that has most room left of those that can take it; empty when everything is placed.
   */
  readonly unplaced: readonly { readonly vmid: number; readonly target: string; readonly left: number }[];
  /** Nothing unplaced could be placed by another assignment either; false when the search was given up. */
  readonly certain: boolean;
}

/**
 * Assignments that the search looks at before it gives up. All of them take a few milliseconds, which a workflow can
 * afford; clusters of eight guests and four nodes are always decided.
 */
export const SEARCH_LIMIT = 20_000;

/**
 * Gives every guest a node that can take it, without promising any node more memory than it has left.
 *
 * First each guest gets the node with most room, which spreads the load. Where that leaves one over, all assignments
 * are searched, up to {@link SEARCH_LIMIT}: so a guest is left over only if there is no assignment, or none that was
 * found in time. The result does not depend on the order of the input.
 *
 * @param room Bytes that guests may still take on each node; below zero where it is overcommitted already.
 */
export function placeGuests(
  parcels: readonly Parcel[],
  room: ReadonlyMap<string, number>,
  limit = SEARCH_LIMIT,
): Placement {
  // Those with the least choice and the most memory choose first.
  const inTurn = [...parcels].sort((a, b) => a.allowed.length - b.allowed.length || b.need - a.need || a.vmid - b.vmid);
  const spread = spreadOut(inTurn, room);
  if (spread.unplaced.length === 0) return spread;
  const found = search(inTurn, room, limit);
  if (found === 'none') return spread;
  if (found === 'given up') return { ...spread, certain: false };
  return { targets: found, unplaced: [], certain: true };
}

function spreadOut(inTurn: readonly Parcel[], room: ReadonlyMap<string, number>): Placement {
  const left = new Map(room);
  const targets = new Map<number, string>();
  const unplaced: Placement['unplaced'][number][] = [];
  const roomOf = (node: string) => left.get(node) ?? 0;
  for (const { vmid, need, allowed, apart = [] } of inTurn) {
    const taken = new Set(apart.map((other) => targets.get(other)));
    const byRoom = [...allowed].sort((a, b) => roomOf(b) - roomOf(a) || (a < b ? -1 : 1));
    const free = byRoom.find((node) => !taken.has(node));
    const best = free ?? byRoom[0];
    if (best === undefined || free === undefined || roomOf(best) < need) {
      unplaced.push({ vmid, target: best ?? '', left: best === undefined ? 0 : roomOf(best) });
      continue;
    }
    left.set(best, roomOf(best) - need);
    targets.set(vmid, best);
  }
  return { targets, unplaced, certain: true };
}

/** Depth first, the tightest node that fits first; a branch ends where what is left to place exceeds what is free. */
function search(
  inTurn: readonly Parcel[],
  room: ReadonlyMap<string, number>,
  limit: number,
): ReadonlyMap<number, string> | 'none' | 'given up' {
  const names = [...room.keys()].sort();
  const left = names.map((name) => room.get(name) ?? 0);
  const allowed = inTurn.map((parcel) => names.flatMap((name, index) => (parcel.allowed.includes(name) ? index : [])));
  // Two nodes that may take the same guests and have the same room are one and the same to the search.
  const kinds = names.map((_, node) => allowed.map((nodes) => (nodes.includes(node) ? '1' : '0')).join(''));
  const stillToPlace = inTurn.map((_, index) => sum(inTurn.slice(index).map((parcel) => parcel.need)));
  const chosen: number[] = [];
  let looked = 0;

  const place = (index: number): boolean | 'given up' => {
    const parcel = inTurn[index];
    if (!parcel) return true;
    if ((stillToPlace[index] ?? 0) > sum(left.map((bytes) => Math.max(bytes, 0)))) return false;
    const taken = new Set(
      inTurn.flatMap((other, at) => (parcel.apart?.includes(other.vmid) ? (chosen[at] ?? []) : [])),
    );
    const fitting = (allowed[index] ?? [])
      .filter((node) => (left[node] ?? 0) >= parcel.need && !taken.has(node))
      .sort((a, b) => (left[a] ?? 0) - (left[b] ?? 0) || a - b);
    const tried = new Set<string>();
    for (const node of fitting) {
      const before = left[node] ?? 0;
      const guarded = chosen.flatMap((at, other) => (at === node && inTurn[other]?.apart?.length ? other : []));
      const alike = `${before}/${kinds[node] ?? ''}/${guarded.join()}`;
      if (tried.has(alike)) continue;
      tried.add(alike);
      looked += 1;
      if (looked > limit) return 'given up';
      left[node] = before - parcel.need;
      chosen[index] = node;
      const result = place(index + 1);
      if (result !== false) return result;
      left[node] = before;
      chosen.length = index;
    }
    return false;
  };

  const result = place(0);
  if (result === 'given up') return result;
  if (!result) return 'none';
  return new Map(inTurn.map((parcel, index) => [parcel.vmid, names[chosen[index] ?? -1] ?? '']));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
