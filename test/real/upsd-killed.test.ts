import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithNut, startNut, type RealNut } from './machine/nut.ts';
import { watchUps } from './machine/ups-watch.ts';

describeWithNut('an upsd that dies', (root) => {
  let nut: RealNut;
  beforeAll(async () => {
    nut = await startNut(root);
  });
  afterAll(() => nut.close());

  it('is unreachable, and the same client finds the next one', async () => {
    const client = nut.client();
    expect(await client.variable('ups', 'ups.status')).toBe('OL');
    await nut.upsd.kill();
    await expect
      .poll(() => client.listVariables('ups').catch((error: unknown) => error))
      .toMatchObject({
        type: 'NutUnreachable',
        class: 'comms',
        outcome: 'retryable',
      });
    // Debian's dummy-ups falls with the connection to its upsd.
    await nut.driver.kill();
    nut.driver.start();
    nut.upsd.start();
    await nut.ready('OL');
    expect(await client.variable('ups', 'ups.status')).toBe('OL');
  });

  it('on mains is told, and no reason for anything more', async () => {
    const watch = watchUps(nut);
    await watch.until((known) => known.watch.class === 'online');
    await nut.upsd.kill();
    const { verdict } = await watch.until((known) => known.verdict.notices.length > 0);
    expect(verdict.notices.map(({ code }) => code)).toEqual(['ups-silent']);
    expect(verdict.notYet).toBe('the UPS does not answer');
    expect(watch.askedForPhase()).toBe(false);
    await nut.driver.kill();
    nut.driver.start();
    nut.upsd.start();
    await watch.until((known) => known.watch.class === 'online');
    expect(watch.askedForPhase()).toBe(false);
    await watch.close();
  });

  it('on battery is the final phase once it has lasted, and blind no longer than it does', async () => {
    const watch = watchUps(nut);
    await nut.say({ 'ups.status': 'OB DISCHRG', 'battery.charge': '90', 'battery.runtime': '1500' });
    await watch.until((known) => known.verdict.byTime === 'hold');
    await nut.upsd.kill();
    const { verdict } = await watch.until((known) => known.verdict.byNeed === 'final');
    expect(verdict).toMatchObject({ blind: true, mains: 'out' });
    expect(verdict.because).toMatch(/^the UPS has not answered for \d+ s and was on battery before$/);
    await nut.driver.kill();
    nut.driver.start();
    nut.upsd.start();
    const { verdict: seeing } = await watch.until((known) => known.watch.class !== 'unknown');
    expect(seeing).toMatchObject({ blind: false, byNeed: 'final' });
    await watch.close();
  });
});
