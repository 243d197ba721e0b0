import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MarkFacts, RunFate } from '../../domain/maintenance-mark.ts';
import { whyNotSwept } from '../../planning/abandoned-maintenance.ts';
import { anAbandonedMark } from '../helpers/builders.ts';

const NOW = Date.parse('2026-11-22T05:00:00.000Z');
const TIMEOUTS = { reboot: '20 minutes', undoLater: '3 days' } as const;

function why(changes: Partial<MarkFacts>, now = NOW): string | null {
  return whyNotSwept({ ...anAbandonedMark(), ...changes }, now, TIMEOUTS);
}

function fate(state: RunFate['state'], startedAt: string, endedAt: string | null): RunFate {
  return { state, startedAt, endedAt };
}

const [THREE, HALF_PAST, FOUR] = [
  '2026-11-22T03:00:00.000Z',
  '2026-11-22T03:30:00.000Z',
  '2026-11-22T04:00:00.000Z',
] as const;

describe('a maintenance flag', () => {
  it('of a run of ours that was terminated is swept', () => {
    expect(why({})).toBeNull();
  });

  it('without our mark is somebody else’s', () => {
    expect(why({ mark: null })).toBe('it was set by somebody else');
  });

  it('of a run that Temporal does not know any more is left alone', () => {
    expect(why({ owner: null })).toContain('not known any more');
  });

  it('of a run that is at work, or that ended and left it to people, is left alone', () => {
    expect(why({ owner: fate('running', THREE, null) })).toContain('at work');
    expect(why({ owner: fate('ended', THREE, HALF_PAST) })).toContain('left it to people');
  });

  it('that is on the list of what is being undone is that run’s to take off', () => {
    expect(why({ undoLater: fate('running', HALF_PAST, null) })).toContain('being undone');
  });

  it('that people have taken upon themselves, or that was given up, is theirs', () => {
    expect(why({ undoLater: fate('ended', HALF_PAST, FOUR) })).toContain('left it to people');
    expect(why({ undoLater: fate('ended', '2026-11-20T03:00:00.000Z', HALF_PAST) })).toContain('left it to people');
  });

  it('is swept when the undoing was terminated too, whatever an older one did', () => {
    expect(why({ undoLater: fate('broken-off', HALF_PAST, FOUR) })).toBeNull();
    expect(why({ undoLater: fate('ended', '2026-11-20T03:00:00.000Z', '2026-11-20T04:00:00.000Z') })).toBeNull();
  });

  it('that was set days ago may be another one by now', () => {
    expect(why({}, NOW + 3 * 86_400_000)).toContain('too long ago');
  });

  it('is kept while a reboot of the terminated run may still come, unless the node is in another boot', () => {
    const soon = Date.parse(HALF_PAST) + 60_000;
    expect(why({}, soon)).toContain('a reboot may still come');
    expect(why({ bootId: 'another' }, soon)).toBeNull();
  });

  it('is never swept when its run or its undoing is open, whatever else is true', () => {
    const time = fc.integer({ min: NOW - 10 * 86_400_000, max: NOW }).map((ms) => new Date(ms).toISOString());
    const open = time.map((at) => fate('running', at, null));
    const any = fc.oneof(
      open,
      fc.tuple(fc.constantFrom('ended' as const, 'broken-off' as const), time, time).map((each) => fate(...each)),
    );
    fc.assert(
      fc.property(open, fc.option(any), time, fc.boolean(), (running, other, since, rebooted) => {
        const mark = { ...anAbandonedMark().mark!, since };
        const bootId = rebooted ? 'another' : mark.bootId;
        expect(why({ mark, bootId, owner: other, undoLater: running })).not.toBeNull();
        if (other === null) expect(why({ mark, bootId, owner: running, undoLater: null })).not.toBeNull();
      }),
    );
  });
});
