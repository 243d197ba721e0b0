import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeGuests, type Parcel, type Placement } from '../../planning/placement.ts';

const RUNS = { numRuns: 3_000 };

interface Case {
  readonly parcels: readonly Parcel[];
  readonly room: ReadonlyMap<string, number>;
}

/** Up to eight guests and four nodes, tight enough that about every other case needs a clever assignment or has none. */
const anyCase: fc.Arbitrary<Case> = fc.integer({ min: 1, max: 4 }).chain((size) => {
  const names = Array.from({ length: size }, (_, index) => `pve${index + 1}`);
  const parcels = fc.integer({ min: 0, max: 8 }).chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, index) =>
        fc.record({
          vmid: fc.constant(100 + index),
          need: fc.integer({ min: 0, max: 12 }),
          allowed: fc.oneof(fc.constant(names), fc.subarray(names, { minLength: 1 })),
        }),
      ),
    ),
  );
  return fc.record({
    parcels,
    room: fc
      .tuple(...names.map(() => fc.integer({ min: -4, max: 24 })))
      .map((rooms) => new Map(rooms.map((room, index) => [names[index] ?? '', room]))),
  });
});

/** Tries everything, one guest after the other. */
function canBePlaced(parcels: readonly Parcel[], room: ReadonlyMap<string, number>): boolean {
  const [first, ...rest] = parcels;
  if (!first) return true;
  return first.allowed.some((node) => {
    const left = (room.get(node) ?? 0) - first.need;
    return left >= 0 && canBePlaced(rest, new Map([...room, [node, left]]));
  });
}

function roomAfter({ parcels, room }: Case, { targets }: Placement, node: string): number {
  const taken = parcels.filter((parcel) => targets.get(parcel.vmid) === node);
  return taken.reduce((left, parcel) => left - parcel.need, room.get(node) ?? 0);
}

describe('the placement of guests, for any cluster', () => {
  it('places every guest whenever trying everything finds a way, and says so for certain', () => {
    let clever = 0;
    fc.assert(
      fc.property(anyCase, ({ parcels, room }) => {
        const { unplaced, certain } = placeGuests(parcels, room);
        expect(certain).toBe(true);
        expect(unplaced.length === 0).toBe(canBePlaced(parcels, room));
        if (unplaced.length === 0 && placeGuests(parcels, room, 0).unplaced.length > 0) clever += 1;
      }),
      RUNS,
    );
    // Otherwise the cases would prove nothing about the search.
    expect(clever).toBeGreaterThan(0);
  });

  it('speaks of every guest once and sends it only where it may go', () => {
    fc.assert(
      fc.property(anyCase, ({ parcels, room }) => {
        const { targets, unplaced } = placeGuests(parcels, room);
        const spokenOf = [...targets.keys(), ...unplaced.map((each) => each.vmid)];
        expect(spokenOf.sort((a, b) => a - b)).toEqual(parcels.map((parcel) => parcel.vmid));
        for (const parcel of parcels) {
          const target = targets.get(parcel.vmid);
          if (target !== undefined) expect(parcel.allowed).toContain(target);
        }
      }),
      RUNS,
    );
  });

  it('never promises a node more than it has left', () => {
    fc.assert(
      fc.property(anyCase, (any) => {
        const placement = placeGuests(any.parcels, any.room);
        for (const node of new Set(placement.targets.values())) {
          expect(roomAfter(any, placement, node)).toBeGreaterThanOrEqual(0);
        }
      }),
      RUNS,
    );
  });

  it('does not depend on the order in which guests, nodes and choices are listed', () => {
    fc.assert(
      fc.property(
        anyCase.chain(({ parcels, room }) =>
          fc.record({
            one: fc.constant(placeGuests(parcels, room)),
            parcels: fc.shuffledSubarray([...parcels], { minLength: parcels.length }),
            room: fc.constant(new Map([...room].reverse())),
          }),
        ),
        ({ one, parcels, room }) => {
          const turned = parcels.map((parcel) => ({ ...parcel, allowed: [...parcel.allowed].reverse() }));
          const other = placeGuests(turned, room);
          expect([...other.targets].sort()).toEqual([...one.targets].sort());
          expect(other.unplaced).toEqual(one.unplaced);
        },
      ),
      RUNS,
    );
  });
});

describe('the placement of guests', () => {
  const guest = (vmid: number, need: number, allowed: readonly string[] = ['pve2', 'pve3']): Parcel => ({
    vmid,
    need,
    allowed,
  });

  it('spreads the load where there is room for all', () => {
    const { targets } = placeGuests(
      [guest(100, 4), guest(101, 4)],
      new Map([
        ['pve2', 10],
        ['pve3', 10],
      ]),
    );
    expect([...targets.values()].sort()).toEqual(['pve2', 'pve3']);
  });

  it('packs tightly where the most roomy node for each would leave one over', () => {
    const room = new Map([
      ['pve2', 6],
      ['pve3', 6],
    ]);
    const parcels = [3, 3, 2, 2, 2].map((need, index) => guest(100 + index, need));
    expect(placeGuests(parcels, room, 0)).toMatchObject({ certain: false, unplaced: [{ vmid: 104, left: 1 }] });
    const { targets, unplaced } = placeGuests(parcels, room);
    expect(unplaced).toEqual([]);
    expect(targets.get(100)).toBe(targets.get(101));
  });

  it('says that it is not certain when it gives up', () => {
    const room = new Map([
      ['pve2', 10],
      ['pve3', 10],
      ['pve4', 10],
    ]);
    const parcels = Array.from({ length: 5 }, (_, index) => guest(100 + index, 6, [...room.keys()]));
    expect(placeGuests(parcels, room)).toMatchObject({ certain: true });
    expect(placeGuests(parcels.slice(0, 4), room, 1)).toMatchObject({ certain: false });
    expect(placeGuests(parcels.slice(0, 4), room)).toMatchObject({ certain: true, unplaced: [{ vmid: 103 }] });
  });

  it('decides a hundred guests on eight nodes within the limit', () => {
    const names = Array.from({ length: 8 }, (_, index) => `pve${index + 2}`);
    const room = new Map(names.map((name) => [name, 100]));
    const parcels = Array.from({ length: 100 }, (_, index) => guest(100 + index, 1 + (index % 14), names));
    const { unplaced } = placeGuests(parcels, room);
    expect(unplaced).toEqual([]);
  });
});
