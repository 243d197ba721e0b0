import { describe, expect, it } from 'vitest';
import type { Guest } from '../../domain/cluster.ts';
import type { Question } from '../../domain/decision.ts';
import { defaultAnswer, optionsNow, questionMail, respond, whyNoAnswer } from '../../planning/decide.ts';
import { withoutRoomAtHome } from '../../planning/return-home.ts';
import { aCluster, aMove, aNode, anHaVm, aPolicy, aVm, GIB } from '../helpers/builders.ts';

const question: Question = {
  id: 'pve1-1-8f3a',
  node: 'pve1',
  about: 'guestMove',
  text: 'vm-100 (100) cannot be moved',
  options: ['retry', 'stop'],
  askedAt: '2026-11-22T03:00:00.000Z',
  deadline: '2026-11-22T15:00:00.000Z',
  byDefault: 'stop',
};

describe('what can be done about a guest that does not move', () => {
  const who = { vmid: 100, node: 'pve1', orchestratorGuest: null };
  const options = (guest: Guest, own: number | null = null) =>
    optionsNow('guestMove', { ...who, orchestratorGuest: own }, aCluster({ guests: [guest] }));

  it('is to shut it down as long as it runs there and nothing holds it', () => {
    expect(options(aVm(100))).toEqual(['retry', 'shutdown-guest', 'skip-node', 'stop']);
  });

  it.each([
    ['is elsewhere by now', aVm(100, { node: 'pve2' })],
    ['is down', aVm(100, { running: false })],
    ['is locked, as by its migration', aVm(100, { lock: 'migrate' })],
    ['is managed by HA', anHaVm(100)],
    ['is gone', aVm(101)],
  ])('is not to shut it down when it %s', (_why, guest) => {
    expect(options(guest)).toEqual(['retry', 'skip-node', 'stop']);
  });

  it('is not to shut down the guest that the run lives in, nor one whose cluster could not be read', () => {
    expect(options(aVm(100), 100)).not.toContain('shutdown-guest');
    expect(optionsNow('guestMove', who, null)).not.toContain('shutdown-guest');
  });
});

describe('the response to trouble', () => {
  const policy = (changes: object) => aPolicy({ onFailure: { retries: 2, ...changes } }).onFailure;

  it('is a retry as often as the policy allows, then a stop', () => {
    const tries = [1, 2, 3].map((count) => respond(policy({ upgrade: 'retry' }), 'upgrade', ['retry', 'stop'], count));
    expect(tries).toEqual(['retry', 'retry', 'stop']);
  });

  it('is a question however often it was tried', () => {
    expect(respond(policy({ upgrade: 'ask' }), 'upgrade', ['retry', 'stop'], 9)).toBe('ask');
  });

  it('is a stop when what the policy wants cannot be done now', () => {
    expect(respond(policy({ guestMove: 'shutdown-guest' }), 'guestMove', ['retry', 'stop'], 1)).toBe('stop');
  });

  it('is, unanswered, what the policy says where that can be chosen', () => {
    expect(defaultAnswer(policy({ unanswered: 'skip-node' }), ['retry', 'skip-node', 'stop'])).toBe('skip-node');
    expect(defaultAnswer(policy({ unanswered: 'skip-node' }), ['retry', 'stop'])).toBe('stop');
    expect(defaultAnswer(policy({}), ['retry', 'skip-node', 'stop'])).toBe('stop');
  });
});

describe('an answer', () => {
  it.each([
    [{ question: 'pve1-1-8f3a', option: 'retry' }, null],
    [{ question: 'pve1-1-8f3a', option: 'skip-node' }, 'option: skip-node is not one of retry, stop'],
    [{ question: 'pve1-2-8f3a', option: 'retry' }, 'question: the open question is pve1-1-8f3a, not pve1-2-8f3a'],
    [{}, 'question: the open question is pve1-1-8f3a, not undefined'],
  ])('%j is judged by the open question', (answer, why) => {
    expect(whyNoAnswer(question, answer)).toBe(why);
  });

  it('is none when nothing is asked', () => {
    expect(whyNoAnswer(null, { question: 'pve1-1-8f3a', option: 'retry' })).toBe('no question is open now');
  });
});

describe('the mail about a question', () => {
  it('has the command for every answer and says what happens without one', () => {
    const { subject, text } = questionMail(question);
    expect(subject).toBe('pve1 waits for your decision');
    expect(text).toContain('  caretaker decide pve1-1-8f3a retry\n');
    expect(text).toContain('Without an answer by 2026-11-22T15:00:00.000Z: stop (tidy up and end the run).');
  });
});

describe('room at home', () => {
  const moves = [aMove(100, { maxMemory: 30 * GIB }), aMove(101, { maxMemory: 20 * GIB }), aMove(102, { how: 'ha' })];
  const left = (guests: Guest[], memory = 64 * GIB) =>
    withoutRoomAtHome(
      aCluster({ nodes: [aNode('pve1', { memory }), aNode('pve2')], guests }),
      'pve1',
      moves,
      [100, 101],
      aPolicy(),
    );

  it('is there for all that the node held before, even if that was too much', () => {
    expect(left([])).toEqual([]);
    expect(left([], 16 * GIB)).toEqual([]);
  });

  it('is not there for those that no longer fit beside guests that others brought; the largest come first', () => {
    expect(left([aVm(300, { maxMemory: 3 * GIB })])).toEqual([]);
    expect(left([aVm(300, { maxMemory: 8 * GIB })])).toEqual([101]);
    expect(left([aVm(300, { maxMemory: 48 * GIB })])).toEqual([100, 101]);
  });

  it('counts neither guests that are down nor those that came home already', () => {
    const guests = [aVm(300, { maxMemory: 60 * GIB, running: false }), anHaVm(102), aVm(100, { maxMemory: 30 * GIB })];
    expect(left(guests)).toEqual([]);
  });
});
