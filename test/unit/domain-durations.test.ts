import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeMilliseconds, isDuration, toMilliseconds, type Duration } from '../../domain/duration.ts';
import { remoteJobId, rollingUpdateId, rollingUpdatePlanId, updateNodeId } from '../../domain/ids.ts';
import { expectNode } from '../../planning/expected-duration.ts';
import { aMove, aPolicy, GIB } from '../helpers/builders.ts';

describe('a duration', () => {
  it.each<[Duration, number]>([
    ['250 ms', 250],
    ['1 second', 1_000],
    ['90 seconds', 90_000],
    ['1.5 minutes', 90_000],
    ['12 hours', 43_200_000],
    ['2 days', 172_800_000],
  ])('of %s has %i milliseconds', (text, expected) => {
    expect(toMilliseconds(text)).toBe(expected);
  });

  it.each([
    '',
    '15',
    'minutes',
    '15minutes',
    '15 m',
    '-1 minutes',
    '1e3 seconds',
    '5 minutes ',
    'five minutes',
    '5 MINUTES',
  ])('is not %j', (text) => {
    expect(isDuration(text)).toBe(false);
  });

  it('that is recognized always has a length', () => {
    const units = fc.constantFrom('ms', 'second', 'seconds', 'minute', 'minutes', 'hour', 'hours', 'day', 'days');
    fc.assert(
      fc.property(fc.nat(), units, (amount, unit) => {
        const text = `${amount} ${unit}`;
        expect(isDuration(text) && toMilliseconds(text)).toBeGreaterThanOrEqual(amount);
      }),
    );
  });

  it.each([
    [0, '0 s'],
    [95_000, '1 min 35 s'],
    [59_600, '1 min'],
    [3_600_000, '1 h'],
    [3_725_000, '1 h 2 min'],
  ])('of %i ms is shown as %j', (ms, text) => {
    expect(describeMilliseconds(ms)).toBe(text);
  });
});

describe('the expected time of a node', () => {
  const policy = aPolicy({
    parallelMigrations: 2,
    expected: {
      upgrade: '6 minutes',
      reboot: '5 minutes',
      migrationPerGiB: '10 seconds',
      containerRestart: '20 seconds',
    },
  });

  it('is the way out and back, as many guests at once as allowed, the upgrade and the reboot', () => {
    const moves = [aMove(100, { maxMemory: 8 * GIB }), aMove(200, { kind: 'lxc', how: 'restart' })];
    const moving = (2 * (80_000 + 20_000)) / 2;
    expect(expectNode({ moves, packages: 3, reboot: true }, policy)).toBe(moving + 360_000 + 300_000);
  });

  it('has no upgrade without packages, no reboot without need, and nothing for guests that stay', () => {
    const moves = [aMove(100, { how: 'leave', target: null })];
    expect(expectNode({ moves, packages: 0, reboot: false }, policy)).toBe(0);
  });
});

describe('ids', () => {
  it('of runs are business ids, and a dry run never collides with a real one', () => {
    expect(rollingUpdateId('homelab')).toBe('rolling-update/homelab');
    expect(rollingUpdatePlanId('homelab', 'x')).not.toContain(rollingUpdateId('homelab'));
    expect(updateNodeId('homelab')).toBe('update-node/homelab');
  });

  it('of remote jobs are names that systemd and file systems take, and the same for the same step', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (step, run) => {
        expect(remoteJobId(step, run)).toMatch(/^[A-Za-z0-9-]+$/);
      }),
    );
    expect(remoteJobId('upgrade', '1a2b-3c')).toBe('upgrade-1a2b-3c');
  });
});
