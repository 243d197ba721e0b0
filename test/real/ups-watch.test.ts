import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWithNut, startNut, type RealNut } from './machine/nut.ts';
import { watchUps, type RealWatch } from './machine/ups-watch.ts';

const FULL = { 'battery.charge': '80', 'battery.runtime': '1500' };

describeWithNut('the watch of a real UPS', (root) => {
  let nut: RealNut;
  let watch: RealWatch;
  beforeEach(async () => {
    nut = await startNut(root);
    watch = watchUps(nut);
    await watch.until(({ watch: { class: now } }) => now === 'online');
  });
  afterEach(async () => {
    await watch.close();
    await nut.close();
  });

  it('tells that the mains are out, that it is an outage, and that they are back', async () => {
    await nut.say({ ...FULL, 'ups.status': 'OB DISCHRG' });
    await watch.until(({ verdict }) => verdict.byTime === 'hold');
    await nut.say({ ...FULL, 'ups.status': 'OL CHRG' });
    await watch.until(({ verdict }) => verdict.mains === 'back');
    expect(watch.news.map(({ verdict: { mains, byTime, byNeed } }) => `${mains} ${byTime} ${byNeed}`)).toEqual([
      'on normal normal',
      'out normal normal',
      'out hold normal',
      'back hold normal',
    ]);
  });

  it('is final when the battery is low, although charge and runtime say nothing of it', async () => {
    await nut.say({ ...FULL, 'ups.status': 'OB DISCHRG LB' });
    const { watch: known, verdict } = await watch.until(({ verdict }) => verdict.byNeed === 'final');
    expect(known.class).toBe('low');
    expect(verdict.because).toBe('the battery is low (LB)');
  });

  it('takes a driver that starts for a UPS that says nothing', async () => {
    await nut.say({ ...FULL, 'ups.status': 'OB DISCHRG' });
    await watch.until(({ verdict }) => verdict.byTime === 'hold');
    await nut.driver.kill();
    nut.driver.start();
    const { watch: waiting } = await watch.until((known) => known.said === 'WAIT');
    expect(waiting).toMatchObject({ class: 'unknown', lastSeenOnBattery: true });
    const { watch: again, verdict } = await watch.until((known) => known.watch.class === 'on-battery');
    expect(again.onBattery).toBeGreaterThan(waiting.onBattery);
    expect(verdict).toMatchObject({ byTime: 'hold', byNeed: 'normal', mains: 'out' });
  });

  it('takes an order to shut down (FSD) as one, and as a leftover when it was there before', async () => {
    await nut.client().forcedShutdown('ups');
    const { verdict } = await watch.until((known) => known.verdict.byNeed === 'final');
    expect(verdict).toMatchObject({ because: 'the NUT server orders a shutdown (FSD)', mains: 'out' });

    const next = watchUps(nut);
    await next.until((known) => known.watch.class === 'fsd');
    nut.upsd.reload();
    await nut.driver.kill();
    nut.driver.start();
    await next.until((known) => known.said === 'FSD WAIT');
    await next.until((known) => known.said === 'FSD OL');
    const { verdict: told } = await next.until((known) => known.verdict.notices.length > 0);
    expect(told.notices.map(({ code }) => code)).toEqual(['fsd-latched']);
    expect(told.notYet).toContain('restart upsd');
    expect(next.askedForPhase()).toBe(false);

    await nut.upsd.kill();
    await nut.driver.kill();
    nut.driver.start();
    nut.upsd.start();
    const { verdict: free } = await next.until((known) => known.watch.class === 'online');
    expect(free.notYet).toMatch(/^on mains for \d+ of 120 s$/);
    expect(next.askedForPhase()).toBe(false);
    await next.close();
  });
});
