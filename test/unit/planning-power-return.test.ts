import { describe, expect, it } from 'vitest';
import { afterOutage } from '../../planning/power-watch.ts';
import { WatchedUps } from '../helpers/watched-ups.ts';

describe('mains that are back', () => {
  it('have to hold for a minute', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 30 }).says('OL CHRG');
    expect(ups.verdict).toMatchObject({ mains: 'back', byTime: 'hold' });
    expect(ups.says('OL CHRG', { times: 59 }).verdict.mains).toBe('back');
    expect(ups.says('OL CHRG').verdict.mains).toBe('on');
  });

  it('have to hold anew after each break, and after a silence that may have hidden one', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 30 }).says('OL', { times: 50 }).says('OB');
    expect(ups.verdict.mains).toBe('out');
    expect(ups.says('OL', { times: 60 }).verdict.mains).toBe('back');
    expect(ups.silent(3).says('OL').verdict.mains).toBe('on');
    const silent = WatchedUps.onMains().says('OB', { times: 30 }).says('OL', { times: 50 }).silent(16);
    expect(silent.says('OL', { times: 30 }).verdict.mains).toBe('back');
  });

  it('for five seconds reset nothing: the time on battery goes on where it was', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 200 }).says('OL', { times: 5 }).says('OB', { times: 120 });
    expect(ups.watch.onBattery).toBe(319_000);
    expect(ups.phases).toEqual([
      [11, 'hold'],
      [306, 'shed'],
    ]);
  });

  it('forget the time on battery after half an hour, and not before', () => {
    const over = (minutes: number): WatchedUps => {
      const ups = WatchedUps.onMains().says('OB', { times: 301 }).says('OL', { times: 61 });
      ups.watch = afterOutage(ups.watch);
      return ups.says('OL', { times: minutes * 60 }).says('OB', { times: 12 });
    };
    expect(over(10).phase).toBe('shed');
    expect(over(31).phase).toBe('hold');
  });

  it('are not shut down for by a blip after the return', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 950 }).says('OL', { times: 200 });
    ups.watch = afterOutage(ups.watch);
    expect(ups.says('OB', { times: 8 }).says('OL', { times: 100 }).phase).toBe('normal');
    expect(ups.says('OB', { times: 12 }).phase).toBe('final');
  });

  it('do not take a phase back', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 400 }).says('OL', { times: 3_600 });
    expect(ups.verdict).toMatchObject({ byTime: 'shed', mains: 'on' });
  });

  it('wake nodes after two minutes with enough charge', () => {
    const ups = WatchedUps.onMains().says('OB LB', { times: 20, 'battery.charge': '10' });
    ups.says('OL CHRG', { times: 120, 'battery.charge': '45' });
    expect(ups.verdict).toMatchObject({ mayWake: false, notYet: 'on mains for 119 of 120 s' });
    expect(ups.says('OL CHRG', { 'battery.charge': '45' }).verdict).toMatchObject({ mayWake: true, notYet: null });
  });

  it('wake no node while the charge is that of a drained battery, and the next cut finds them down', () => {
    const ups = WatchedUps.onMains().says('OB LB', { times: 20, 'battery.charge': '8' });
    ups.says('OL CHRG', { times: 600, 'battery.charge': '10' });
    expect(ups.verdict).toMatchObject({ mayWake: false, notYet: 'the charge is 10 of 40 %', mains: 'on' });
    expect(ups.says('OB').verdict).toMatchObject({ mains: 'out', byNeed: 'final', mayWake: false });
  });

  it('wake nodes after a quarter of an hour where nobody knows the charge', () => {
    const ups = WatchedUps.onMains().says('OB LB', { times: 20 });
    ups.says('OL', { times: 900, 'battery.charge': undefined });
    expect(ups.verdict.notYet).toBe('on mains for 899 of 900 s, for the UPS tells no charge');
    expect(ups.says('OL', { 'battery.charge': undefined }).verdict.mayWake).toBe(true);
  });

  it.each([
    ['OL LB', 'the battery is low (LB)'],
    ['OL OFF', 'the output of the UPS is off'],
    ['FSD OL', 'the NUT server still orders a shutdown (FSD): restart upsd on its host'],
  ])('wake no node while it says %s', (status, notYet) => {
    const ups = WatchedUps.onMains().says('OB', { times: 20 }).says('OL', { times: 200 }).away(30, status);
    expect(ups.says(status, { times: 200 }).verdict).toMatchObject({ mayWake: false, notYet });
  });
});

describe('a time that nobody looked', () => {
  it('counts in full when the UPS was on battery before it and still is', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 31 }).away(600, 'OB');
    expect(ups.watch.onBattery).toBe(630_000);
    expect(ups.phase).toBe('shed');
  });

  it('begins no phase when the mains are there after it, and is not forgotten', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 31 }).away(600, 'OL');
    expect(ups.phases).toEqual([[11, 'hold']]);
    expect(ups.watch.onBattery).toBe(630_000);
    expect(ups.says('OB').phase).toBe('shed');
  });

  it('is no silence: a first look without an answer is asked again', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 31 }).away(200, null);
    expect(ups.verdict).toMatchObject({ byNeed: 'normal', byTime: 'hold', blind: false });
    expect(ups.silent(60).verdict).toMatchObject({ byNeed: 'final', blind: true });
  });

  it('takes from the last runtime, so that a silence after it is final soon', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 31, 'battery.runtime': '1000' }).away(700, null);
    expect(ups.verdict).toMatchObject({ byNeed: 'normal', byTime: 'shed' });
    expect(ups.silent(5).verdict).toMatchObject({ byNeed: 'final', blind: true });
  });

  it('is no time on mains: holding them begins anew', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 30 }).says('OL', { times: 59 });
    expect(ups.away(600, 'OL').verdict).toMatchObject({ mains: 'back', mayWake: false });
    expect(ups.says('OL', { times: 59 }).verdict.mains).toBe('back');
    expect(ups.says('OL').verdict.mains).toBe('on');
  });
});
