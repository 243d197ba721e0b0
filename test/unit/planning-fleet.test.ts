import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FleetPolicy, HostOutcome } from '../../domain/patch.ts';
import { isBad, nextHosts, widthOf, type FleetState, type FleetTurn } from '../../planning/fleet.ts';

const PATIENT: FleetPolicy = { serial: 2, continueOnError: true, maxFailures: null };

function aFleet(parts: Partial<FleetState> = {}): FleetState {
  return {
    hosts: ['a', 'b', 'c', 'd'],
    policy: PATIENT,
    neverTogether: [],
    inHand: new Set(),
    over: new Map(),
    badBefore: [],
    ...parts,
  };
}

describe('the next hosts of a fleet', () => {
  it('are as many as are allowed at a time, in their order', () => {
    expect(nextHosts(aFleet())).toEqual({ begin: ['a', 'b'], leave: [] });
    expect(nextHosts(aFleet({ inHand: new Set(['b']), over: new Map([['a', 'patched']]) })).begin).toEqual(['c']);
  });

  it('do not wait behind one whose partner is in hand', () => {
    const fleet = aFleet({ neverTogether: [['a', 'b']] });
    expect(nextHosts(fleet).begin).toEqual(['a', 'c']);
    expect(nextHosts({ ...fleet, inHand: new Set(['c']), over: new Map([['a', 'patched']]) }).begin).toEqual(['b']);
  });

  it('are never the partners of one that failed or was rolled back', () => {
    const neverTogether = [['a', 'b']];
    const failed = nextHosts(aFleet({ neverTogether, over: new Map([['a', 'failed']]) }));
    expect(failed).toEqual({
      begin: ['c', 'd'],
      leave: [{ host: 'b', reason: 'a ended badly, and the two must not be away together' }],
    });
    const back = nextHosts(aFleet({ neverTogether, over: new Map([['a', 'rolled-back']]) }));
    expect(back.leave).toMatchObject([{ host: 'b' }]);
    expect(nextHosts(aFleet({ neverTogether, over: new Map([['a', 'aborted']]) })).leave).toMatchObject([
      { host: 'b' },
    ]);
    expect(nextHosts(aFleet({ neverTogether, over: new Map([['a', 'skipped']]) })).leave).toEqual([]);
  });

  it('leave out what ended badly in an earlier group, and its partners', () => {
    const { begin, leave } = nextHosts(aFleet({ badBefore: ['a'], neverTogether: [['a', 'b']] }));
    expect(begin).toEqual(['c', 'd']);
    expect(leave.map(({ host }) => host)).toEqual(['a', 'b']);
  });

  it('are none after a failure where the group does not go on', () => {
    const policy = { ...PATIENT, continueOnError: false };
    const { begin, leave } = nextHosts(aFleet({ policy, inHand: new Set(['b']), over: new Map([['a', 'failed']]) }));
    expect(begin).toEqual([]);
    expect(leave).toMatchObject([{ host: 'c', reason: expect.stringContaining('a ended badly') as string }, {}]);
  });

  it('are none after as many failures as are allowed', () => {
    const policy = { ...PATIENT, maxFailures: 2 };
    expect(nextHosts(aFleet({ policy, over: new Map([['a', 'failed']]) })).begin).toEqual(['b', 'c']);
    const over = new Map<string, HostOutcome>([
      ['a', 'failed'],
      ['b', 'rolled-back'],
    ]);
    expect(nextHosts(aFleet({ policy, over }))).toMatchObject({ begin: [], leave: [{ host: 'c' }, { host: 'd' }] });
  });
});

describe('a share of the hosts', () => {
  it.each([
    ['50%', 9, 4],
    ['25%', 3, 1],
    ['100%', 5, 5],
    [3, 100, 3],
    ['100%', 5_000, 100],
    [2_500, 5_000, 100],
  ] as const)('%s of %i is %i', (serial, hosts, width) => {
    expect(widthOf({ ...PATIENT, serial }, hosts)).toBe(width);
  });
});

describe('a fleet from its first host to its last', () => {
  const names = fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 25 });
  const scene = names.chain((ids) => {
    const hosts = ids.map((id) => `host-${id}`);
    return fc.record({
      hosts: fc.constant(hosts),
      serial: fc.oneof(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 100 }).map((share) => `${share}%` as const),
      ),
      continueOnError: fc.boolean(),
      maxFailures: fc.option(fc.integer({ min: 1, max: 4 })),
      neverTogether: fc.array(fc.uniqueArray(fc.constantFrom(...hosts, 'stranger'), { minLength: 2, maxLength: 4 }), {
        maxLength: 4,
      }),
      badBefore: fc.array(fc.constantFrom(...hosts, 'stranger'), { maxLength: 2 }),
      outcomes: fc.array(fc.constantFrom<HostOutcome>('patched', 'unchanged', 'skipped', 'failed', 'rolled-back'), {
        minLength: 25,
        maxLength: 25,
      }),
      /** Which of those in hand ends next. */
      picks: fc.array(fc.nat(), { minLength: 25, maxLength: 25 }),
    });
  });

  type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

  /** Plays a run and shows every step on its way. */
  function play(
    { hosts, neverTogether, badBefore, outcomes, picks, ...policy }: Scene,
    look: (state: FleetState, turn: FleetTurn) => void = () => undefined,
  ) {
    const inHand = new Set<string>();
    const over = new Map<string, HostOutcome>();
    const begun: string[] = [];
    const ended: string[] = [];
    const end = (host: string, outcome: HostOutcome) => {
      over.set(host, outcome);
      ended.push(host);
    };
    for (let round = 0; ended.length < hosts.length && round <= 2 * hosts.length; round += 1) {
      const state = { hosts, policy, neverTogether, badBefore, inHand, over };
      const turn = nextHosts(state);
      look(state, turn);
      for (const { host } of turn.leave) end(host, 'not-started');
      for (const host of turn.begin) {
        inHand.add(host);
        begun.push(host);
      }
      const candidates = [...inHand];
      const host = candidates[(picks[round] ?? 0) % Math.max(1, candidates.length)];
      if (host === undefined) continue;
      inHand.delete(host);
      end(host, outcomes[hosts.indexOf(host)] ?? 'patched');
    }
    return { begun, ended, over };
  }

  const sharesSet = (sets: readonly (readonly string[])[], one: string, other: string) =>
    sets.some((set) => set.includes(one) && set.includes(other));

  it('has every host end exactly once', () => {
    fc.assert(
      fc.property(scene, (input) => {
        expect([...play(input).ended].sort()).toEqual([...input.hosts].sort());
      }),
    );
  });

  it('never has more in hand than are allowed, nor two of a set', () => {
    fc.assert(
      fc.property(scene, (input) => {
        play(input, ({ policy, hosts, inHand }, { begin }) => {
          const together = [...inHand, ...begin];
          expect(together.length).toBeLessThanOrEqual(widthOf(policy, hosts.length));
          for (const one of together) {
            for (const other of together) {
              if (one !== other) expect(sharesSet(input.neverTogether, one, other)).toBe(false);
            }
          }
        });
      }),
    );
  });

  it('touches none of a set after one of it has ended badly', () => {
    fc.assert(
      fc.property(scene, (input) => {
        play(input, ({ over, badBefore }, { begin }) => {
          const bad = [...[...over].filter(([, outcome]) => isBad(outcome)).map(([host]) => host), ...badBefore];
          for (const host of begin) {
            expect(bad.filter((other) => other === host || sharesSet(input.neverTogether, host, other))).toEqual([]);
          }
        });
      }),
    );
  });

  it('leaves no room empty that the next host could take, and passes over none without a reason', () => {
    fc.assert(
      fc.property(scene, (input) => {
        play(input, ({ policy, hosts, inHand, over }, { begin, leave }) => {
          const settled = (host: string) =>
            over.has(host) || inHand.has(host) || leave.some((each) => each.host === host);
          const full = inHand.size + begin.length >= widthOf(policy, hosts.length);
          const last = begin.at(-1);
          const candidates = full && last !== undefined ? hosts.slice(0, hosts.indexOf(last)) : full ? [] : hosts;
          for (const host of candidates.filter((each) => !settled(each) && !begin.includes(each))) {
            const busy = [...inHand, ...begin];
            expect(busy.some((other) => sharesSet(input.neverTogether, host, other))).toBe(true);
          }
        });
      }),
    );
  });

  it('fails no more hosts than allowed, but for those that were in hand', () => {
    fc.assert(
      fc.property(scene, (input) => {
        const { over } = play(input);
        const bad = [...over.values()].filter(isBad).length;
        const most = input.continueOnError ? (input.maxFailures ?? Infinity) : 1;
        expect(bad).toBeLessThanOrEqual(most + widthOf(input, input.hosts.length) - 1);
      }),
    );
  });
});
