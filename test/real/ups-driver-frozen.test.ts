import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithNut, startNut, type RealNut } from './machine/nut.ts';
import { watchUps } from './machine/ups-watch.ts';

describeWithNut('a driver that hangs, as with a USB that does', (root) => {
  let nut: RealNut;
  beforeAll(async () => {
    nut = await startNut(root);
  });
  afterAll(() => nut.close());

  it('makes the data stale, which is no state of the UPS, and they are fresh again when it goes on', async () => {
    const client = nut.client();
    nut.driver.freeze();
    const look = () =>
      client.listVariables('ups').then(
        () => 'fresh',
        (error: unknown) => error,
      );
    await expect.poll(look, { timeout: 20_000 }).toMatchObject({
      type: 'NutDataStale',
      class: 'comms',
      outcome: 'retryable',
      words: 'ERR DATA-STALE',
    });
    expect(await client.listUps()).toHaveLength(1);
    nut.driver.thaw();
    await expect.poll(look, { timeout: 20_000 }).toBe('fresh');
  });

  it('on mains is told, and no reason for anything more', async () => {
    const watch = watchUps(nut);
    await watch.until((known) => known.watch.class === 'online');
    nut.driver.freeze();
    const { verdict } = await watch.until((known) => known.verdict.notices.length > 0);
    expect(verdict.notices.map(({ code }) => code)).toEqual(['ups-silent']);
    expect(verdict.notYet).toBe('the UPS does not answer');
    expect(watch.askedForPhase()).toBe(false);
    nut.driver.thaw();
    await watch.until((known) => known.watch.class === 'online');
    expect(watch.askedForPhase()).toBe(false);
    await watch.close();
  });

  it('on battery is the final phase once it has lasted, and blind no longer than it does', async () => {
    const watch = watchUps(nut);
    await nut.say({ 'ups.status': 'OB DISCHRG', 'battery.charge': '90', 'battery.runtime': '1500' });
    await watch.until((known) => known.verdict.byTime === 'hold');
    nut.driver.freeze();
    const { verdict } = await watch.until((known) => known.verdict.byNeed === 'final');
    expect(verdict).toMatchObject({ blind: true, mains: 'out' });
    expect(verdict.because).toMatch(/^the UPS has not answered for \d+ s and was on battery before$/);
    nut.driver.thaw();
    const { verdict: seeing } = await watch.until((known) => known.watch.class !== 'unknown');
    expect(seeing).toMatchObject({ blind: false, byNeed: 'final' });
    await watch.close();
  });
});
