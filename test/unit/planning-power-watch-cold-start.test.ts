import { describe, expect, it } from 'vitest';
import type { PowerPhase } from '../../domain/power.ts';
import { afterOutage } from '../../planning/power-watch.ts';
import { WatchedUps } from '../helpers/watched-ups.ts';

/** The site was on battery for so long, and went dark. */
const dark = (seconds = 400, variables = {}): WatchedUps =>
  WatchedUps.onMains().says('OB', { times: seconds, ...variables });

/** What is asked for, look by look, while the UPS gives no answer after a cold start. */
function askedForInSilence(ups: WatchedUps, looks: number): Set<PowerPhase> {
  const asked = new Set<PowerPhase>();
  for (let look = 0; look < looks; look += 1) {
    const { byTime, byNeed, blind } = ups.silent(1).verdict;
    expect(blind).toBe(false);
    asked.add(byTime).add(byNeed);
  }
  return asked;
}

describe('a cold start of the machine that watches', () => {
  it('is no reason for a phase while the UPS is silent, however long, and people are told', () => {
    const ups = dark(400, { 'battery.runtime': '1000' }).coldStart(1_800, null);
    expect(ups.verdict).toMatchObject({
      byTime: 'hold',
      byNeed: 'normal',
      blind: false,
      mains: 'back',
      mayWake: false,
    });
    expect(askedForInSilence(ups, 7_200)).toEqual(new Set(['hold', 'normal']));
    expect(ups.notices).toEqual(['ups-silent']);
  });

  it.each([
    ['LB', (): WatchedUps => dark().says('OB LB', { times: 5 })],
    ['silence', (): WatchedUps => dark().silent(70)],
    ['time', (): WatchedUps => dark(950)],
  ])('withdraws the final phase that was begun for %s until the UPS tells of the mains', (_why, before) => {
    const ups = before();
    expect(ups.phase).toBe('final');
    const { verdict } = ups.coldStart(60, null);
    expect([verdict.byTime, verdict.byNeed, verdict.blind]).not.toContain('final');
    expect(askedForInSilence(ups, 600)).not.toContain('final');
    expect(ups.says('OB').verdict).toMatchObject({ mains: 'out', blind: false });
    expect([ups.verdict.byTime, ups.verdict.byNeed]).toContain('final');
  });

  it('is no reason for a phase by words that tell nothing of the mains', () => {
    for (const status of ['WAIT', 'OFF', '', 'FSD WAIT', 'FSD']) {
      const ups = dark().coldStart(600, status);
      for (let look = 0; look < 100; look += 1) {
        const { byTime, byNeed } = ups.says(status).verdict;
        expect([byTime, byNeed]).toEqual(['hold', 'normal']);
      }
      expect(ups.verdict.mains).toBe('back');
    }
  });

  it('with mains that are there is the end of the outage, with the time on battery carried over', () => {
    const ups = dark(800).coldStart(1_800, null).silent(40).says('OL', { times: 30 });
    expect(ups.verdict).toMatchObject({ mains: 'back', byTime: 'shed' });
    expect(ups.says('OL', { times: 40 }).verdict).toMatchObject({ mains: 'on', byTime: 'shed', byNeed: 'normal' });
    expect(ups.watch.onBattery).toBeGreaterThan(2_500_000);
  });

  it('on battery still goes on by the whole time on battery as soon as the UPS says so', () => {
    const ups = dark(400).coldStart(600, null).silent(30);
    expect(ups.says('OB').verdict).toMatchObject({ byTime: 'final', byNeed: 'normal', blind: false, mains: 'out' });
  });

  it('is over for good with the first word of the UPS: silence after that is one', () => {
    const ups = dark(400).coldStart(5, null).silent(30).says('OB', { times: 3 }).silent(59);
    expect(ups.verdict).toMatchObject({ byNeed: 'normal', blind: false });
    expect(ups.silent(1).verdict).toMatchObject({ byNeed: 'final', blind: true });
  });

  it('begins each row of looks anew', () => {
    const ups = dark(100).says('OB LB').coldStart(30, 'OB LB');
    expect(ups.phase).toBe('hold');
    expect(ups.says('OB LB').phase).toBe('final');
  });

  it('takes an order to shut down that it finds on mains for a leftover, whatever the clock says', () => {
    const ups = WatchedUps.onMains().coldStart(0, 'FSD OL').says('FSD OL', { times: 100 });
    expect(ups.phases).toEqual([]);
  });

  it('after a blip that nobody has answered is no outage while the UPS is silent', () => {
    const ups = WatchedUps.onMains().says('OB', { times: 5 }).coldStart(1_800, null);
    expect(askedForInSilence(ups, 600)).toEqual(new Set(['normal']));
    expect(ups.watch.outage).toBe(false);
  });

  it('in the return asks for nothing while the UPS is silent', () => {
    const ups = dark(950).says('OL', { times: 61 });
    ups.watch = afterOutage(ups.watch);
    ups.says('OB', { times: 5 }).coldStart(1_800, null);
    expect(askedForInSilence(ups, 600)).toEqual(new Set(['normal']));
  });
});

it('a gap within one boot, in which only the worker was dead, is no cold start: silence after it is blindness', () => {
  const ups = dark(100).away(600, null);
  expect(ups.silent(60).verdict).toMatchObject({ byNeed: 'final', blind: true });
});
