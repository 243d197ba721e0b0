import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../config/errors.ts';
import { duration } from '../../config/formats.ts';
import { mergePolicy } from '../../config/policy.ts';
import { DEFAULT_POLICY } from '../../config/policy-schema.ts';
import { FAILURE_ACTIONS } from '../../domain/decision.ts';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';

const NODES = ['pve1', 'pve2'];
const WINDOW = { days: ['sunday'], from: '03:00', to: '06:00' };
const merge = (overrides: unknown) => mergePolicy(DEFAULT_POLICY, overrides, NODES);

function messageOf(overrides: unknown): string {
  try {
    merge(overrides);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('the input of a run', () => {
  it.each([undefined, null, {}])('changes nothing when it is %j', (input) => {
    expect(merge(input)).toEqual(DEFAULT_POLICY);
  });

  it('overrides single timeouts and guests and keeps the others', () => {
    const base = {
      ...DEFAULT_POLICY,
      guests: { default: 'migrate', overrides: { 212: 'shutdown' }, rules: [] },
    } as const;
    const input = { nodes: ['pve2'], timeouts: { reboot: '5 minutes' }, guests: { overrides: { 210: 'leave' } } };
    expect(mergePolicy(base, input, NODES)).toEqual({
      ...base,
      nodes: ['pve2'],
      timeouts: { ...base.timeouts, reboot: '5 minutes' },
      guests: { default: 'migrate', overrides: { 210: 'leave', 212: 'shutdown' }, rules: [] },
    });
  });

  it('replaces the rules for guests as a whole', () => {
    const rules = [{ tags: ['gpu'], treatment: 'shutdown' }] as const;
    const base = { ...DEFAULT_POLICY, guests: { ...DEFAULT_POLICY.guests, rules } };
    expect(mergePolicy(base, { guests: { default: 'leave' } }, NODES).guests).toMatchObject({ rules });
    expect(mergePolicy(base, { guests: { rules: [] } }, NODES).guests).toMatchObject({ rules: [] });
  });

  it('replaces the maintenance windows as a whole, in the time zone of the configuration', () => {
    const base = { ...DEFAULT_POLICY, timeZone: 'Europe/Berlin', windows: [{ ...WINDOW, days: ['monday'] as const }] };
    expect(mergePolicy(base, { windows: [] }, NODES)).toEqual({ ...base, windows: [] });
    expect(mergePolicy(base, { windows: [WINDOW] }, NODES)).toEqual({ ...base, windows: [WINDOW] });
  });

  it('adds its overrides to those of the configuration', () => {
    const base = { ...DEFAULT_POLICY, overrides: ['task-running'] } as const;
    const { overrides } = mergePolicy(base, { overrides: ['no-capacity', 'task-running'] }, NODES);
    expect(overrides).toEqual(['task-running', 'no-capacity']);
    expect(mergePolicy(base, {}, NODES).overrides).toEqual(['task-running']);
  });

  it('keeps the value of the configuration where a key is there but undefined', () => {
    expect(merge({ reboot: undefined, timeouts: { reboot: undefined } })).toEqual(DEFAULT_POLICY);
  });

  it.each([
    [
      { nodes: ['pve3'] },
      'nodes[0] is pve3, which is not a configured node. Did you mean pve1? Configured nodes: pve1, pve2.',
    ],
    [{ nodes: ['pve1', 'pve1'] }, 'nodes[1] names pve1 a second time. Give each node once.'],
    [{ timeout: {} }, 'timeout is not a known key. Did you mean timeouts?'],
    [{ timeouts: { reboot: 5 } }, 'timeouts.reboot is a number without a unit.'],
    [{ reboot: 'nevr' }, 'reboot must be one of if-needed, always, never. Did you mean never?'],
    [{ guests: { overrides: { 99: 'leave' } } }, 'guests.overrides.99 is not the id of a guest.'],
    [
      { guests: { rules: [{ treatment: 'leave' }] } },
      'guests.rules[0] selects no guest. Add tags, vmids or both; with both, a guest must match both.',
    ],
    [{ guests: { rules: [{ tags: [], treatment: 'leave' }] } }, 'guests.rules[0].tags must be at least 1 entry.'],
    [{ guests: { rules: [{ tags: ['a b'], treatment: 'leave' }] } }, 'guests.rules[0].tags[0] is not a tag'],
    [{ guests: { rules: [{ tags: ['gpu'], treatment: 'leav' }] } }, 'guests.rules[0].treatment must be one of'],
    [{ windows: [WINDOW] }, 'timeZone is missing, so nobody knows whose clock the windows go by.'],
    [{ windows: [WINDOW], timeZone: 'Europe/Berln' }, 'timeZone is not the name of a time zone.'],
    [{ windows: [WINDOW], timeZone: '+02:00' }, 'timeZone is not the name of a time zone.'],
    [{ windows: [{ ...WINDOW, from: '24:00' }] }, 'windows[0].from is not a time of day.'],
    [{ windows: [{ ...WINDOW, days: ['sundy'] }] }, 'Did you mean sunday?'],
    [{ windows: [{ ...WINDOW, days: [] }] }, 'windows[0].days must be at least 1 entry.'],
    [
      { overrides: ['task-runnin'] },
      'overrides[0] is task-runnin, which is no code of a finding; did you mean task-running',
    ],
    [{ overrides: ['not-quorate'] }, 'overrides[0] is not-quorate, a rule that nothing overrides. Codes that can be'],
    [{ overrides: ['kernel-pinned'] }, 'overrides[0] is kernel-pinned, which only warns'],
    [{ overrides: 'task-running' }, 'overrides must be a list, not text.'],
    ['pve1', 'The input must be a group of keys, not text.'],
  ])('is refused when it is %j, naming field and remedy', (input, message) => {
    expect(messageOf(input)).toContain(message);
  });
});

describe('what to do on failure', () => {
  it.each([
    ['upgrade', 'skip-node', 'packages that failed on one node would fail on the next'],
    ['reboot', 'skip-node', 'the node may be away, and the next one would be the second'],
    ['rejoin', 'skip-node', 'the node may be away, and the next one would be the second'],
    ['guestShutdown', 'shutdown-guest', 'that is what failed, and a guest is never killed'],
    ['haMove', 'shutdown-guest', 'the HA manager would start the guest again'],
    ['refused', 'shutdown-guest', 'no guest is the reason'],
    ['upgrade', 'shutdown-guest', 'no guest is the reason'],
    ['reboot', 'shutdown-guest', 'no guest is the reason'],
    ['rejoin', 'shutdown-guest', 'no guest is the reason'],
  ] as const)('is refused where it is not safe: %s: %s', (about, action, reason) => {
    expect(messageOf({ onFailure: { [about]: action } })).toContain(
      `onFailure.${about} must not be ${action}, because ${reason}. Use one of: `,
    );
  });

  it('may be every other action, or to ask', () => {
    for (const [about, actions] of Object.entries(FAILURE_ACTIONS)) {
      for (const action of [...actions, 'ask']) expect(messageOf({ onFailure: { [about]: action } })).toBe('accepted');
    }
  });

  it.each([
    [{ guestMove: 'kill' }, 'onFailure.guestMove must be one of retry, shutdown-guest, skip-node, stop, ask.'],
    [{ retries: 0 }, 'onFailure.retries must be at least 1.'],
    [{ pause: '0 minutes' }, 'onFailure.pause is not a length of time'],
    [{ unanswered: 'retry' }, 'onFailure.unanswered must be one of stop, skip-node.'],
    [{ guestmove: 'stop' }, 'onFailure.guestmove is not a known key. Did you mean guestMove?'],
  ])('is refused when it is %j, naming field and remedy', (onFailure, message) => {
    expect(messageOf({ onFailure })).toContain(message);
  });

  it('is overridden key by key', () => {
    expect(merge({ onFailure: { upgrade: 'ask' } }).onFailure).toEqual({ ...DEFAULT_POLICY.onFailure, upgrade: 'ask' });
  });
});

describe('a duration', () => {
  const UNITS = ['ms', 'second', 'seconds', 'minute', 'minutes', 'hour', 'hours', 'day', 'days'];

  it('is accepted for every positive amount and unit, and is that long', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom(...UNITS), (amount, unit) => {
        const text = `${amount} ${unit}` as Duration;
        expect(duration.parse(text)).toBe(text);
        expect(toMilliseconds(text)).toBe(amount * toMilliseconds(`1 ${unit}` as Duration));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is refused when anything else stands around or between', () => {
    const noise = fc.string({ minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(noise, noise, fc.constantFrom(...UNITS), (before, after, unit) => {
        fc.pre(!/^\d*\.?\d*$/.test(before));
        expect(duration.safeParse(`${before}5 ${unit}${after.replaceAll('s', 'x')}`).success).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each(['0 seconds', '5', '5s', '-1 minutes', '1e3 ms', '', 15, null])('is not %j', (value) => {
    expect(duration.safeParse(value).success).toBe(false);
  });
});
