import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasWord, parseStatus } from '../../domain/power.ts';
import { readPower } from '../../planning/power-reading.ts';

describe('the status of a UPS', () => {
  it('is the same whatever the order, the blanks and the repetitions', () => {
    const words = fc.uniqueArray(fc.constantFrom('OL', 'OB', 'LB', 'FSD', 'CHRG', 'DISCHRG', 'CAL', 'ALARM'));
    fc.assert(
      fc.property(words, fc.array(fc.nat(7)), fc.constantFrom(' ', '  ', '\t', ' \t '), (set, again, blank) => {
        const shuffled = [...again.flatMap((index) => set[index] ?? []), ...set.toReversed()];
        expect(parseStatus(shuffled.join(blank))).toEqual(parseStatus(set.join(' ')));
        for (const word of set) expect(hasWord(parseStatus(shuffled.join(blank)), word)).toBe(true);
      }),
    );
  });

  it.each([
    ['FSD OL', ['FSD', 'OL']],
    ['OB OFF OB', ['OB', 'OFF']],
    ['ob dischrg lb', ['DISCHRG', 'LB', 'OB']],
    [' OL VENDOR-WORD ', ['OL', 'VENDOR-WORD']],
    ['', []],
    ['  ', []],
  ])('%j is %j', (text, words) => {
    expect(parseStatus(text)).toEqual(words);
  });

  it('of a battery that is full is not that of one that is low', () => {
    expect(hasWord(parseStatus('OB'), 'B')).toBe(false);
    expect(hasWord(parseStatus('OLB'), 'OL')).toBe(false);
  });
});

describe('the reading of a moment', () => {
  it('holds what the UPS reports', () => {
    const variables = new Map([
      ['ups.status', 'OB DISCHRG'],
      ['battery.charge', '87'],
      ['battery.runtime', '1520.5'],
      ['ups.load', '104'],
      ['input.voltage', '0.0'],
      ['ups.timer.shutdown', '-60'],
    ]);
    expect(readPower(variables)).toEqual({
      status: ['DISCHRG', 'OB'],
      charge: { value: 87 },
      runtime: { value: 1520.5 },
      load: { value: 104 },
      inputVoltage: { value: 0 },
    });
  });

  it('of a UPS that reports nothing is neither on mains nor on battery', () => {
    expect(readPower(new Map())).toEqual({
      status: [],
      charge: { absent: 'the UPS does not report battery.charge' },
      runtime: { absent: 'the UPS does not report battery.runtime' },
      load: { absent: 'the UPS does not report ups.load' },
      inputVoltage: { absent: 'the UPS does not report input.voltage' },
    });
  });

  it.each(['N/A', '', '98,5', '98 %', '98%', '0x62', '1e2', 'NaN', 'Infinity', '-', '1.2.3', '9'.repeat(400)])(
    'has no charge where the UPS says %j',
    (text) => {
      expect(readPower(new Map([['battery.charge', text]])).charge).toEqual({
        absent: expect.stringMatching(/^battery\.charge is '.*', which is no number$/) as string,
      });
    },
  );

  it.each(['-1', '101', '65535'])('has no charge of %s percent', (text) => {
    expect(readPower(new Map([['battery.charge', text]])).charge).toEqual({
      absent: `battery.charge is ${text}, which cannot be`,
    });
  });

  it('never has a number that is not one, whatever comes', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { charge, runtime } = readPower(
          new Map(['battery.charge', 'battery.runtime'].map((name) => [name, text])),
        );
        for (const measurement of [charge, runtime])
          if ('value' in measurement) expect(measurement.value).toBeGreaterThanOrEqual(0);
          else expect(measurement.absent).not.toBe('');
      }),
    );
  });
});
