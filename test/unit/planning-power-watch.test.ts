import { describe, expect, it } from 'vitest';
import { readPower } from '../../planning/power-reading.ts';
import { isAtLeast, isSameVerdict, laterPhase } from '../../planning/power-watch.ts';
import { DEFAULT_RULES } from '../helpers/power-builders.ts';
import { OUR_MISTAKE, WatchedUps } from '../helpers/watched-ups.ts';

describe('a power cut', () => {
  it('is held after ten seconds, sheds after five minutes and is final after fifteen, counted from the first OB', () => {
    const ups = WatchedUps.onMains().says('OB DISCHRG', { times: 1_000 });
    // The first look that says OB is that of second 1.
    expect(ups.phases).toEqual([
      [11, 'hold'],
      [301, 'shed'],
      [901, 'final'],
    ]);
    expect(ups.verdict).toMatchObject({
      byTime: 'final',
      byNeed: 'normal',
      because: 'on battery for 900 s',
      blind: false,
      mains: 'out',
      mayWake: false,
      notYet: 'the UPS is on battery',
    });
  });

  it.each([2, 8])('of %i seconds is a blip: no phase begins', (seconds) => {
    const ups = WatchedUps.onMains();
    for (let blip = 0; blip < 5; blip += 1) {
      ups.says('OB DISCHRG', { times: seconds }).says('OL CHRG', { times: 300 });
    }
    expect(ups.phases).toEqual([]);
    expect(ups.verdict.mains).toBe('on');
  });

  it('is one although the mains come back for a second every few seconds', () => {
    const ups = WatchedUps.onMains();
    for (let flap = 0; flap < 200; flap += 1) ups.says('OB DISCHRG', { times: 8 }).says('OL', { times: 2 });
    expect(ups.phases.map(([, phase]) => phase)).toEqual(['hold', 'shed', 'final']);
    expect(ups.phases[0]?.[0]).toBeLessThan(20);
    // Eight of ten seconds are on battery.
    expect(ups.phases[1]?.[0]).toBeCloseTo(300 / 0.8, -1);
    expect(ups.phases[2]?.[0]).toBeCloseTo(900 / 0.8, -1);
  });

  it('is found when the UPS answers again, and counts from then if it was on mains before', () => {
    const ups = WatchedUps.onMains().silent(400).says('OB DISCHRG', { times: 20 });
    expect(ups.phases).toEqual([[411, 'hold']]);
    expect(ups.watch.onBattery).toBe(19_000);
  });

  it('is final at once when the battery is low, with whatever charge and runtime', () => {
    const ups = WatchedUps.onMains().says('OB DISCHRG', { times: 8 });
    ups.says('OB DISCHRG LB', { times: 2, 'battery.charge': '80', 'battery.runtime': '1500' });
    expect(ups.phases).toEqual([[10, 'final']]);
    expect(ups.verdict).toMatchObject({ byNeed: 'final', because: 'the battery is low (LB)' });
  });

  it('is pressing once LB is sure, although phase 3 has begun by charge before, and stays so when LB flickers', () => {
    const ups = WatchedUps.onMains().says('OB DISCHRG', { times: 60, 'battery.charge': '25' });
    const before = ups.verdict;
    expect(before).toMatchObject({ byNeed: 'final', pressing: false });
    ups.says('OB DISCHRG LB', { 'battery.charge': '20' });
    expect(isSameVerdict(before, ups.verdict)).toBe(true);
    ups.says('OB DISCHRG LB', { 'battery.charge': '20' });
    expect(ups.verdict.pressing).toBe(true);
    expect(isSameVerdict(before, ups.verdict)).toBe(false);
    ups.says('OB DISCHRG', { times: 10, 'battery.charge': '20' });
    expect(ups.verdict.pressing).toBe(true);
  });

  it('is not final for a battery that is low in one look', () => {
    const ups = WatchedUps.onMains().says('OB DISCHRG', { times: 20 });
    for (let look = 0; look < 10; look += 1) ups.says('OB LB').says('OB DISCHRG', { times: 2 });
    expect(ups.phase).toBe('hold');
    ups.says('OB LB').silent(1).says('OB DISCHRG').says('OB LB');
    expect(ups.phase).toBe('hold');
  });

  it('is final for a battery that is low before and after a lost answer', () => {
    expect(WatchedUps.onMains().says('OB LB').silent(2).says('OB LB').phase).toBe('final');
  });

  it('is final when both come at once: a battery that is low in the first look', () => {
    expect(WatchedUps.onMains().says('OB LB', { times: 2 }).phases).toEqual([[2, 'final']]);
  });
});

describe('charge and runtime', () => {
  it('shed and are final when they are below what is configured in three looks', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 40 });
    expect(ups.says('OB', { times: 2, 'battery.charge': '60' }).phase).toBe('hold');
    expect(ups.says('OB', { 'battery.charge': '60' }).phase).toBe('shed');
    expect(ups.verdict).toMatchObject({ byNeed: 'shed', byTime: 'hold', because: 'the charge is 60 % (60 %)' });
    expect(ups.says('OB', { times: 2, 'battery.charge': '58', 'battery.runtime': '300' }).phase).toBe('shed');
    expect(ups.says('OB', { 'battery.charge': '58', 'battery.runtime': '300' }).phase).toBe('final');
    expect(ups.verdict.because).toBe('the battery lasts 300 s (300 s)');
  });

  it('are not believed in the first half minute: a charge that falls to 55 % for five seconds changes nothing', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 5, 'battery.charge': '55', 'battery.runtime': '200' });
    expect(ups.says('OB', { times: 100, 'battery.charge': '98' }).phases).toEqual([[11, 'hold']]);
  });

  it('count as soon as they are believed when they are low from the start', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 40, 'battery.charge': '25' });
    expect(ups.phases).toEqual([
      [11, 'hold'],
      [31, 'final'],
    ]);
  });

  it('are not believed anew after each transfer', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 40 }).says('OL', { times: 5 });
    expect(ups.says('OB', { times: 10, 'battery.charge': '20' }).phase).toBe('hold');
  });

  it.each([
    { 'battery.charge': undefined, 'battery.runtime': undefined },
    { 'battery.charge': 'N/A', 'battery.runtime': 'N/A' },
    { 'battery.charge': '-1', 'battery.runtime': '-1' },
    { 'battery.charge': '100', 'battery.runtime': '0' },
    { 'battery.charge': '100', 'battery.runtime': '999999' },
    { 'battery.charge': '255', 'battery.runtime': '1e9' },
  ])('that cannot be begin no phase, and time still does: %j', (variables) => {
    const ups = WatchedUps.onMains().says('OB', { times: 1_000, ...variables });
    expect(ups.phases).toEqual([
      [11, 'hold'],
      [301, 'shed'],
      [901, 'final'],
    ]);
  });

  it('of nothing are an empty battery', () => {
    const empty = { times: 40, 'battery.charge': '0', 'battery.runtime': '0' };
    expect(WatchedUps.onMains().says('OB', empty).phase).toBe('final');
  });

  it('begin no phase where the configuration says 0 %', () => {
    const rules = {
      shed: { after: 300, charge: 0, runtime: 0 },
      final: { ...DEFAULT_RULES.final, charge: 0, runtime: 0 },
    };
    expect(WatchedUps.onMains(rules).says('OB', { times: 200, 'battery.charge': '0' }).phase).toBe('hold');
  });

  it('begin no phase on mains', () => {
    const flat = { times: 600, 'battery.charge': '5', 'battery.runtime': '60' };
    for (const status of ['OL CHRG LB', 'OL', 'OL CAL DISCHRG', 'OL DISCHRG']) {
      expect(WatchedUps.onMains().says(status, flat).phases).toEqual([]);
    }
  });

  it('are those of the battery: what the UPS counts itself is not looked at', () => {
    const own = [
      ['ups.status', 'OB DISCHRG'],
      ['battery.charge', '95'],
      ['battery.runtime', '1400'],
      ['battery.charge.low', '100'],
      ['battery.runtime.low', '86400'],
      ['ups.timer.shutdown', '0'],
      ['ups.timer.start', '0'],
      ['ups.delay.shutdown', '0'],
      ['ups.timeonbattery', '99999'],
      ['battery.runtime.elapsed', '99999'],
    ] as const;
    const without = own.slice(0, 3);
    expect(readPower(new Map(own))).toEqual(readPower(new Map(without)));
  });
});

describe('an order of the NUT server to shut down (FSD)', () => {
  it.each(['OB FSD', 'FSD OB', 'FSD OB DISCHRG', 'OB LB FSD'])('is final on battery: %s, in two looks', (status) => {
    const ups = WatchedUps.onMains().says('OB', { times: 2 });
    expect(ups.says(status).phase).toBe('normal');
    expect(ups.says(status)).toMatchObject({ phase: 'final' });
    expect(ups.verdict.because).toBe('the NUT server orders a shutdown (FSD)');
  });

  it('is final on battery although the first look finds it there', () => {
    expect(new WatchedUps({ fsdOnMains: 'warn' }).says('FSD OB', { times: 2 }).phase).toBe('final');
  });

  it.each(['OL FSD', 'FSD OL', 'FSD'])('is final on mains when it comes while somebody looks: %s', (status) => {
    const ups = WatchedUps.onMains().says(status, { times: 2 });
    expect(ups.phases).toEqual([[2, 'final']]);
    expect(ups.says('FSD OL', { times: 600 }).verdict).toMatchObject({ mains: 'out', mayWake: false });
    expect(ups.notices).toEqual(['fsd-latched']);
  });

  it('of one look is nothing', () => {
    expect(WatchedUps.onMains().says('FSD OL').says('OL', { times: 10 }).phases).toEqual([]);
  });

  it('is a notice and nothing more on mains where the configuration says so', () => {
    const ups = WatchedUps.onMains({ fsdOnMains: 'warn' }).says('FSD OL', { times: 100 });
    expect(ups.phases).toEqual([]);
    expect(ups.verdict).toMatchObject({ mains: 'on', mayWake: false });
    expect(ups.notices).toEqual(['fsd-latched']);
  });

  it('that is only warned of does not keep the mains from being back', () => {
    const ups = WatchedUps.onMains({ fsdOnMains: 'warn' }).says('OB LB', { times: 3 }).says('FSD OL', { times: 100 });
    expect(ups.verdict).toMatchObject({ byNeed: 'final', mains: 'on', mayWake: false });
  });

  it('is a leftover when the first look finds it on mains: people are told, and nothing is shut down or woken', () => {
    const ups = new WatchedUps().says('FSD OL', { times: 1_200 });
    expect(ups.phases).toEqual([]);
    expect(ups.notices).toEqual(['fsd-latched']);
    expect(ups.verdict).toMatchObject({
      mayWake: false,
      notYet: 'the NUT server still orders a shutdown (FSD): restart upsd on its host',
    });
  });

  it('stays a leftover while the driver of the UPS is started anew', () => {
    const ups = new WatchedUps().says('FSD OL', { times: 60 }).silent(3).says('FSD WAIT', { times: 5 });
    expect(ups.says('FSD OL', { times: 60 }).phases).toEqual([]);
    expect(ups.watch.onBattery).toBe(0);
    expect(new WatchedUps().says('FSD WAIT', { times: 5 }).says('FSD OL', { times: 60 }).phases).toEqual([]);
  });

  it('is a leftover when it is found after a time that nobody looked, or nobody answered', () => {
    expect(WatchedUps.onMains().away(600, 'FSD OL').says('FSD OL', { times: 60 }).phases).toEqual([]);
    expect(WatchedUps.onMains().silent(60).says('FSD OL', { times: 60 }).phases).toEqual([]);
    const outage = WatchedUps.onMains().says('OB', { times: 30 }).away(600, 'FSD OL').says('FSD OL', { times: 60 });
    expect(outage.phase).toBe('hold');
  });

  it('is an order again once it was away', () => {
    const ups = new WatchedUps().says('FSD OL', { times: 60 }).silent(20).says('OL', { times: 5 });
    expect(ups.says('FSD OL', { times: 2 }).phase).toBe('final');
  });

  it('that is all that is said while the driver starts is acted on without a word of the mains', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 30 }).says('FSD WAIT', { times: 2 });
    expect(ups.verdict).toMatchObject({ byNeed: 'final', mains: 'out', blind: true });
    expect(ups.says('FSD OB').verdict).toMatchObject({ byNeed: 'final', blind: false });
  });

  it('holds the battery time that an outage before it has counted', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 30 }).says('FSD WAIT', { times: 10 });
    expect(ups.watch).toMatchObject({ onBattery: 39_000, lastSeenOnBattery: true });
    expect(ups.phase).toBe('final');
  });
});

describe('words that are no power cut', () => {
  it.each(['OL LB', 'OL CHRG LB', 'OL DISCHRG', 'CAL', 'OL CAL', 'BYPASS', 'OL BYPASS', 'OFF', 'OL OFF', 'WAIT', ''])(
    '"%s" begins no phase, however long',
    (status) => {
      expect(WatchedUps.onMains().says(status, { times: 1_200 }).phases).toEqual([]);
      expect(new WatchedUps().says(status, { times: 1_200 }).phases).toEqual([]);
    },
  );

  it.each(['WAIT', 'OFF', ''])('"%s" in a power cut is no answer: the time goes on, and does not end it', (status) => {
    const ups = WatchedUps.onMains().says('OB', { times: 290 }).says(status, { times: 14 });
    expect(ups.watch).toMatchObject({ onBattery: 303_000, lastSeenOnBattery: true });
    expect(ups.phase).toBe('shed');
    expect(ups.verdict).toMatchObject({ mains: 'out', blind: false });
  });

  it('OL DISCHRG is a power cut where the configuration says so', () => {
    const ups = WatchedUps.onMains({ onlineDischarge: 'on-battery' }).says('OL DISCHRG', { times: 20 });
    expect(ups.phase).toBe('hold');
  });
});

describe('a UPS that gives no answer', () => {
  it('on mains is never a reason for a phase', () => {
    const ups = WatchedUps.onMains().silent(86_400);
    expect(ups.phases).toEqual([]);
    expect(ups.verdict).toMatchObject({ mains: 'on', mayWake: false, notYet: 'the UPS does not answer' });
    expect(ups.notices).toEqual(['ups-silent']);
  });

  it('and has never given one is never a reason for a phase', () => {
    expect(new WatchedUps().silent(3_600).phases).toEqual([]);
  });

  it('on battery for four seconds changes nothing', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 60 });
    for (let drop = 0; drop < 20; drop += 1) ups.silent(4).says('OB', { times: 6 });
    expect(ups.phase).toBe('hold');
    expect(ups.watch.onBattery).toBe(259_000);
  });

  it('on battery is final after a minute, and says that it is blind', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 60 }).silent(59);
    expect(ups.verdict).toMatchObject({ byNeed: 'normal', blind: false });
    expect(ups.silent(1).verdict).toMatchObject({
      byNeed: 'final',
      blind: true,
      because: 'the UPS has not answered for 60 s and was on battery before',
    });
  });

  it('on battery is final sooner when its last runtime leaves less, though not before fifteen seconds', () => {
    const finalAfter = (runtime: string | undefined): number | undefined => {
      const ups = WatchedUps.onMains().says('OB', { times: 20, 'battery.runtime': runtime }).silent(100);
      return ups.phases.find(([, phase]) => phase === 'final')?.[0];
    };
    const rules = WatchedUps.onMains().rules;
    expect(rules.final).toMatchObject({ budget: 300, blind: 60 });
    expect(finalAfter('1500')).toBe(20 + 60);
    expect(finalAfter('340')).toBe(20 + 40);
    expect(finalAfter('310')).toBe(20 + 15);
    expect(finalAfter('60')).toBe(20 + 15);
    expect(finalAfter(undefined)).toBe(20 + 60);
    // A full battery of no runtime is one that nobody measures.
    expect(finalAfter('0')).toBe(20 + 60);
  });

  it('right after the transfer is on battery: USB drops just then', () => {
    expect(WatchedUps.onMains().says('OB').silent(60).verdict).toMatchObject({ byNeed: 'final', blind: true });
  });

  it('is not blind any more when it answers', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 20 }).silent(60).says('OB');
    expect(ups.verdict).toMatchObject({ byNeed: 'final', blind: false });
    expect(ups.says('OL').verdict).toMatchObject({ byNeed: 'final', blind: false, mains: 'back' });
  });

  it('may say so after another need was final: then, too, acts go by no answer', () => {
    const ups = WatchedUps.onMains().says('OB LB', { times: 2 });
    expect(ups.silent(10).verdict).toMatchObject({ byNeed: 'final', blind: false });
    expect(ups.silent(50).verdict).toMatchObject({ byNeed: 'final', blind: true });
  });

  it('is told at once when the mistake is ours, and is no reason for a phase on mains', () => {
    const ups = WatchedUps.onMains().silent(3_600, OUR_MISTAKE);
    expect(ups.phases).toEqual([]);
    expect(ups.notices).toEqual(['ups-config']);
  });

  it('on battery is blindness although the mistake is ours: nobody corrects it in a power cut', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 20 }).silent(59, OUR_MISTAKE);
    expect(ups.verdict).toMatchObject({ byNeed: 'normal', blind: false });
    expect(ups.silent(1, OUR_MISTAKE).verdict).toMatchObject({ byNeed: 'final', blind: true });
    expect(ups.notices).toEqual(['ups-config']);
  });
});

describe('news', () => {
  it('are none while nothing changes, and words and figures are none', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 60 });
    const before = ups.verdict;
    expect(isSameVerdict(before, ups.says('OB', { times: 100, 'battery.charge': '80' }).verdict)).toBe(true);
    const waiting = WatchedUps.onMains().says('OB', { times: 30 }).says('OL', { times: 5 }).verdict;
    const still = WatchedUps.onMains().says('OB', { times: 30 }).says('OL', { times: 9 }).verdict;
    expect(waiting.notYet).not.toBe(still.notYet);
    expect(isSameVerdict(waiting, still)).toBe(true);
  });

  it('are a phase, the mains, the waking, blindness and a notice', () => {
    const seen = WatchedUps.onMains().verdict;
    expect(isSameVerdict(null, seen)).toBe(false);
    for (const change of [
      { byTime: 'hold' },
      { byNeed: 'final' },
      { mains: 'back' },
      { mayWake: false },
      { blind: true },
      { notices: [{ code: 'overload', text: '' }] },
    ] as const) {
      expect(isSameVerdict(seen, { ...seen, ...change })).toBe(false);
    }
  });
});

it('of two phases the later one holds all that the earlier one asks for', () => {
  expect(laterPhase('hold', 'shed')).toBe('shed');
  expect(laterPhase('final', 'shed')).toBe('final');
  expect(isAtLeast('shed', 'shed')).toBe(true);
  expect(isAtLeast('hold', 'shed')).toBe(false);
});
