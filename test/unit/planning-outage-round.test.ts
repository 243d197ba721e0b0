import { describe, expect, it } from 'vitest';
import type { NodeFate } from '../../domain/outage.ts';
import { leftToTakeBack, noChanges, noteMove, voteChange } from '../../planning/outage-changes.ts';
import { isAllDown, nodesLeft } from '../../planning/outage-left.ts';
import { planOutage } from '../../planning/outage-plan.ts';
import { beginRound, hurries, nextPhase, pauseAfter, phaseWanted, withRound } from '../../planning/outage-round.ts';
import { aGuestBefore, aNodeBefore, aSiteBefore, somePowerSettings } from '../helpers/power-builders.ts';

const QUIET = { byTime: 'hold', byNeed: 'normal' } as const;
const settings = somePowerSettings();

describe('A round of an outage', () => {
  it('begins with nothing of the one before: neither its orders nor what it has done', () => {
    const round = beginRound(1);
    round.orders.phase = 'final';
    round.orders.aborted = true;
    Object.assign(round, { finalDone: true, shedDone: true, hurried: true, watchdogsOff: true });
    expect(phaseWanted({ byTime: 'hold', byNeed: 'final' }, round, true)).toBe('hold');
    const next = beginRound(2);
    expect(phaseWanted(QUIET, next, true)).toBe('hold');
    expect(phaseWanted({ byTime: 'hold', byNeed: 'final' }, next, false)).toBe('final');
    expect(nextPhase('final', next)).toBe('final');
    expect(next).toMatchObject({ plan: null, hurried: false, watchdogsOff: false, told: [] });
  });

  it('lets time wait for the lease and for people, but never need', () => {
    const round = beginRound(1);
    const byTime = { byTime: 'shed', byNeed: 'normal' } as const;
    expect(phaseWanted(byTime, round, false)).toBe('hold');
    expect(phaseWanted(byTime, { ...round, impatient: true }, false)).toBe('shed');
    expect(phaseWanted(byTime, round, true)).toBe('shed');
    const held = { ...round, orders: { ...round.orders, held: true } };
    expect(phaseWanted(byTime, held, true)).toBe('hold');
    expect(phaseWanted({ byTime: 'shed', byNeed: 'final' }, held, false)).toBe('final');
  });

  it('goes by what is known once, when the battery cannot wait, and looks at the site before each further try', () => {
    const round = beginRound(1);
    expect(hurries(round, 'final')).toBe(false);
    round.plan = planOutage(aSiteBefore(), settings);
    expect(hurries(round, 'shed')).toBe(false);
    expect([hurries(round, 'final'), hurries(round, 'final'), hurries(round, 'final')]).toEqual([true, false, false]);
  });

  it('tries again more and more rarely what does not go, so that days of it fit into a history', () => {
    expect([1, 2, 3, 4, 5, 6, 100].map(pauseAfter)).toEqual([30, 60, 120, 240, 480, 600, 600]);
  });

  it('counts for the loop guard when a node took the order to shut down, and not when a phase was asked for', () => {
    expect(withRound(['before'], { told: [] }, 'now')).toEqual(['before']);
    expect(withRound(['before'], { told: ['pve2'] }, 'now')).toEqual(['before', 'now']);
    const many = Array.from({ length: 12 }, (_, index) => String(index));
    expect(withRound(many, { told: ['pve2'] }, 'now')).toHaveLength(10);
  });
});

describe('Phase 3', () => {
  const plan = planOutage(aSiteBefore(), settings);
  const { nodes } = settings;
  const left = (fates: Record<string, NodeFate>, isFresh = true) => nodesLeft({ fates, plan, isFresh, nodes });
  const namesOf = (shutdowns: readonly { node: string }[]): string[] => shutdowns.map(({ node }) => node);

  it.each(['missing', 'off-before', 'off', 'unverified'] as const)(
    'takes down a node that the cluster counts online, although it went for %s',
    (fate) => {
      expect(namesOf(left({ pve1: 'on', pve2: fate }).up)).toEqual(['pve2', 'pve1']);
    },
  );

  it('waits for a node that goes down already, and does not tell it again', () => {
    expect(left({ pve1: 'on', pve2: 'going-down' })).toMatchObject({ up: [{ node: 'pve1' }], going: ['pve2'] });
  });

  it('tells again what was told and not seen off, when the cluster says nothing', () => {
    expect(namesOf(left({ pve1: 'on', pve2: 'unverified' }, false).up)).toEqual(['pve2', 'pve1']);
    expect(namesOf(left({ pve1: 'on', pve2: 'off' }, false).up)).toEqual(['pve1']);
  });

  it('takes every node of the configuration for one that runs, when nothing is known of the site', () => {
    const unknown = nodesLeft({ fates: { pve1: 'on', pve2: 'on' }, plan: null, isFresh: false, nodes });
    expect(namesOf(unknown.up)).toEqual(['pve1', 'pve2']);
  });

  it('waits for a node that boots beside the others, and is not over before it is down', () => {
    const offline = { nodes: [aNodeBefore('pve1'), aNodeBefore('pve2', { online: false })] };
    const fates = { pve1: 'on', pve2: 'waking' } as const;
    const seen = nodesLeft({ fates, plan: planOutage(aSiteBefore(offline), settings), isFresh: true, nodes });
    expect(seen).toMatchObject({ up: [{ node: 'pve1' }], booting: ['pve2'] });
    expect(left(fates, false)).toMatchObject({ up: [{ node: 'pve1' }], booting: ['pve2'] });
    expect(isAllDown({ pve1: 'off', pve2: 'waking' })).toBe(false);
    expect(isAllDown({ pve1: 'off', pve2: 'unverified' })).toBe(true);
  });
});

describe('What an outage has changed', () => {
  it('keeps the votes of before the first round, and the first home of a guest', () => {
    const changes = noChanges();
    changes.expectedVotes = voteChange(changes, { node: 'pve1', before: 2 });
    expect(voteChange(changes, { node: 'pve1', before: 1 })).toEqual({ node: 'pve1', before: 2 });
    noteMove(changes, { vmid: 201, from: 'pve2', to: 'pve1' });
    noteMove(changes, { vmid: 201, from: 'pve1', to: 'pve3' });
    expect(changes.moved).toEqual([{ vmid: 201, from: 'pve2', to: 'pve3' }]);
  });

  it('is told with its commands where nobody takes it back', () => {
    const site = aSiteBefore({
      guests: [aGuestBefore(201, { name: 'web' })],
      ha: { armed: 'armed', active: true, requested: { 'vm:201': 'started' } },
    });
    const changes = {
      moved: [{ vmid: 201, from: 'pve2', to: 'pve1' }],
      haDisarmed: true,
      expectedVotes: { node: 'pve1', before: 2 },
    };
    const text = leftToTakeBack(changes, site).join('\n');
    for (const part of [/pvecm expected 2/, /arm-ha/, /ha-manager set vm:201 --state started/, /web \(201\).*pve2/]) {
      expect(text).toMatch(part);
    }
    expect(leftToTakeBack({ moved: [], haDisarmed: false, expectedVotes: null }, null)).toEqual([]);
  });
});
