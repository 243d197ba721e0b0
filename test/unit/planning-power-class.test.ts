import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PowerClass } from '../../domain/power.ts';
import { classOf, isOnBattery, isOnMains, runtimeOf } from '../../planning/power-class.ts';
import { readingOf } from '../helpers/watched-ups.ts';

const ONLINE = { onlineDischarge: 'online' } as const;
const ON_BATTERY = { onlineDischarge: 'on-battery' } as const;

describe('what the words of a UPS come to', () => {
  it.each<[string, PowerClass]>([
    ['OL', 'online'],
    ['OL CHRG', 'online'],
    ['OL CHRG LB', 'online'],
    ['OL LB', 'online'],
    ['OL RB ALARM', 'online'],
    ['OL BYPASS', 'online'],
    ['OL TRIM', 'online'],
    ['OL BOOST OVER', 'online'],
    ['OL OFF', 'online'],
    ['OL VENDOR-WORD', 'online'],
    ['OL CAL DISCHRG', 'online'],
    ['OL CAL DISCHRG LB', 'online'],
    ['OL TEST', 'online'],
    ['OB', 'on-battery'],
    ['OB DISCHRG', 'on-battery'],
    ['OB OFF', 'on-battery'],
    ['OL OB', 'on-battery'],
    ['OB VENDOR-WORD', 'on-battery'],
    ['OB LB', 'low'],
    ['LB DISCHRG OB', 'low'],
    ['FSD OL', 'fsd'],
    ['OL FSD', 'fsd'],
    ['OB FSD', 'fsd'],
    ['FSD OB LB', 'fsd'],
    ['FSD', 'fsd'],
    ['FSD WAIT', 'fsd'],
    ['', 'unknown'],
    ['WAIT', 'unknown'],
    ['OFF', 'unknown'],
    ['BYPASS', 'unknown'],
    ['CAL', 'unknown'],
    ['CHRG', 'unknown'],
    ['LB', 'unknown'],
    ['VENDOR-WORD', 'unknown'],
  ])('"%s" is %s', (status, expected) => {
    expect(classOf(readingOf(status), ONLINE)).toBe(expected);
  });

  it('are nothing without an answer', () => {
    expect(classOf(null, ONLINE)).toBe('unknown');
  });

  it('"OL DISCHRG" is what the configuration says, for some UPSs say so in power cuts', () => {
    expect(classOf(readingOf('OL DISCHRG'), ONLINE)).toBe('online');
    expect(classOf(readingOf('OL DISCHRG'), ON_BATTERY)).toBe('on-battery');
    expect(classOf(readingOf('OL DISCHRG LB'), ON_BATTERY)).toBe('low');
    expect(classOf(readingOf('OL DISCHRG CAL'), ON_BATTERY)).toBe('online');
    expect(classOf(readingOf('OL CHRG'), ON_BATTERY)).toBe('online');
  });

  it('a test of the battery is no power cut as long as there is a voltage at the input', () => {
    expect(classOf(readingOf('OB TEST', { 'input.voltage': '231.0' }), ONLINE)).toBe('online');
    expect(classOf(readingOf('CAL OB DISCHRG', { 'input.voltage': '118' }), ONLINE)).toBe('online');
    expect(classOf(readingOf('OB TEST', { 'input.voltage': '0.0' }), ONLINE)).toBe('on-battery');
    expect(classOf(readingOf('OB TEST', { 'input.voltage': 'N/A' }), ONLINE)).toBe('on-battery');
    expect(classOf(readingOf('OB TEST'), ONLINE)).toBe('on-battery');
    expect(classOf(readingOf('OB CAL LB', { 'input.voltage': '231.0' }), ONLINE)).toBe('low');
  });

  it('are never both on mains and on battery, and neither of both unless one of the two is said', () => {
    const words = fc.subarray(['OL', 'OB', 'LB', 'FSD', 'CHRG', 'DISCHRG', 'CAL', 'TEST', 'OFF', 'BYPASS', 'WAIT']);
    fc.assert(
      fc.property(words, fc.constantFrom(ONLINE, ON_BATTERY), (said, rules) => {
        const reading = readingOf(said.join(' '));
        const [mains, battery] = [isOnMains(reading, rules), isOnBattery(reading, rules)];
        expect(mains && battery).toBe(false);
        expect(mains || battery).toBe(said.includes('OL') || said.includes('OB'));
      }),
    );
  });
});

describe('the runtime of a UPS', () => {
  it.each<[string | undefined, string | undefined, number | null]>([
    ['1500', '100', 1500],
    ['0', '100', null],
    ['0', '91', null],
    ['0', '90', 0],
    ['0', undefined, 0],
    ['999999', '50', 999_999],
    ['-1', '50', null],
    ['N/A', '50', null],
    [undefined, '50', null],
  ])('%s with a charge of %s counts as %s', (runtime, charge, expected) => {
    expect(runtimeOf(readingOf('OB', { 'battery.runtime': runtime, 'battery.charge': charge }))).toBe(expected);
  });
});
