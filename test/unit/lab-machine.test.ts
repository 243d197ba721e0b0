import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../lab/machine/commands/arguments.ts';
import { parseTimeSpan } from '../../lab/machine/commands/time-span.ts';
import { compareVersions, Kernels } from '../../lab/machine/kernels.ts';

describe('versions', () => {
  it('compare numbers as numbers and a tilde as older', () => {
    const ordered = [
      '1.0~rc1-1',
      '1.0-1',
      '1.0-1+deb13u1',
      '1.0-1+deb13u2',
      '1.0-10',
      '1.2-1',
      '1.10-1',
      '2.0~beta',
      '2.0',
    ];
    expect([...ordered].reverse().sort(compareVersions)).toEqual(ordered);
  });

  it('are ordered the same from both sides', () => {
    const version = fc.stringMatching(/^[0-9]{1,3}([.~+-][0-9a-z]{1,3}){0,4}$/);
    fc.assert(
      fc.property(version, version, (a, b) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        expect(compareVersions(a, a)).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('kernels', () => {
  const old = '6.8.12-9-pve';
  const middle = '6.14.8-2-pve';
  const newest = '6.14.11-1-pve';

  it('run the newest by version, not by the order they came in', () => {
    expect(new Kernels([newest, old, middle]).running).toBe(newest);
  });

  it('fall back to the newest when the pinned one is gone', () => {
    const kernels = new Kernels([old, middle, newest], old);
    kernels.remove(old);
    expect(kernels.next).toBe(newest);
  });

  it('stay what the boot loader starts until a refresh tells it of a pin', () => {
    const kernels = new Kernels([old, middle, newest]);
    kernels.pin = old;
    expect(kernels.next).toBe(newest);
    kernels.refresh();
    expect(kernels.next).toBe(old);
  });

  it('that are pinned for one boot are started again and again until one of their systems is up', () => {
    const kernels = new Kernels([old, middle, newest], old);
    kernels.nextBootPin = newest;
    kernels.refresh();
    expect([kernels.next, kernels.next]).toEqual([newest, newest]);
    kernels.booted(newest);
    expect([kernels.running, kernels.next, kernels.nextBootPin]).toEqual([newest, old, undefined]);
  });

  it('are never removable while running, pinned or among the two newest', () => {
    const versions = fc.uniqueArray(fc.constantFrom('5.1-1', '5.2-1', '6.1-1', '6.2-1', '6.10-1', '7.0-1'), {
      minLength: 1,
    });
    fc.assert(
      fc.property(versions, fc.nat(), fc.nat(), (installed, pin, next) => {
        const kernels = new Kernels(installed, installed[pin % installed.length]);
        kernels.nextBootPin = installed[next % installed.length];
        const kept = new Set([kernels.running, kernels.pin, kernels.nextBootPin, ...kernels.installed.slice(-2)]);
        expect(kernels.removable().filter((version) => kept.has(version))).toEqual([]);
        expect(kernels.removable().length + kept.size).toBe(installed.length);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('command lines', () => {
  const rules = { values: { '-p': '--property', '-u': '--unit' }, valued: ['--property', '--unit'] };

  it('take values attached, apart and after an equals sign', () => {
    const parsed = parseArguments(
      ['-pA=1', '-p', 'B=2', '--property=C=3', '--property', 'D=4', '-Gqu', 'x', 'run'],
      rules,
    );
    expect(parsed.values('--property')).toEqual(['A=1', 'B=2', 'C=3', 'D=4']);
    expect([parsed.value('--unit'), parsed.has('-G'), parsed.has('-q'), parsed.operands]).toEqual([
      'x',
      true,
      true,
      ['run'],
    ]);
  });

  it('end their options at -- and, where told to, at the first operand', () => {
    expect(parseArguments(['--', '-x'], rules).operands).toEqual(['-x']);
    expect(parseArguments(['-u', 'a', 'sh', '-c', '--'], { ...rules, stopAtOperand: true }).operands).toEqual([
      'sh',
      '-c',
      '--',
    ]);
    expect(parseArguments(['install', '-y'], rules).has('-y')).toBe(true);
  });
});

describe('time spans', () => {
  it('are read as systemd reads them', () => {
    for (const [text, ms] of [
      ['90', 90_000],
      ['2h', 7_200_000],
      ['1min 30s', 90_000],
      ['1.5s', 1500],
      ['200ms', 200],
      ['infinity', 0],
      ['soon', undefined],
      ['5 parsecs', undefined],
      ['', undefined],
    ] as const) {
      expect([text, parseTimeSpan(text)]).toEqual([text, ms]);
    }
  });
});
