import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithNut, startNut, type RealNut } from './machine/nut.ts';
import { watchUps } from './machine/ups-watch.ts';

describeWithNut('an upsd that hangs', (root) => {
  let nut: RealNut;
  beforeAll(async () => {
    nut = await startNut(root);
  });
  afterAll(() => nut.close());

  it('takes connections and never answers: each question ends at its time, and no late answer is taken for another', async () => {
    const client = nut.client({ timeouts: { connect: 500, reply: 300 } });
    expect(await client.variable('ups', 'ups.status')).toBe('OL');
    nut.upsd.freeze();
    const late = { type: 'NutTimeout', class: 'comms', outcome: 'retryable' };
    await expect(client.variable('ups', 'ups.status')).rejects.toMatchObject(late);
    await expect(client.variable('ups', 'ups.status')).rejects.toMatchObject(late);
    await expect(client.instantCommand('ups', 'load.off')).rejects.toMatchObject({ class: 'comms' });
    nut.upsd.thaw();
    await expect.poll(() => client.variable('ups', 'battery.charge').catch(String)).toBe('100');
    expect(await client.variable('ups', 'ups.load')).toBe('20');
  });

  it('is no encrypted connection either', async () => {
    const client = nut.client({ tls: 'required', ca: nut.ca, timeouts: { connect: 300, reply: 300 } });
    nut.upsd.freeze();
    await expect(client.listUps()).rejects.toMatchObject({ type: 'NutTimeout', class: 'comms' });
    nut.upsd.thaw();
    await expect.poll(() => client.listUps().catch(String)).toHaveLength(1);
  });

  it('on mains is told, and no reason for anything more', async () => {
    const watch = watchUps(nut);
    await watch.until((known) => known.watch.class === 'online');
    nut.upsd.freeze();
    const { verdict } = await watch.until((known) => known.verdict.notices.length > 0);
    expect(verdict.notices.map(({ code }) => code)).toEqual(['ups-silent']);
    expect(verdict.notYet).toBe('the UPS does not answer');
    expect(watch.askedForPhase()).toBe(false);
    nut.upsd.thaw();
    await watch.until((known) => known.watch.class === 'online');
    expect(watch.askedForPhase()).toBe(false);
    await watch.close();
  });

  it('on battery is the final phase once it has lasted, and blind no longer than it does', async () => {
    const watch = watchUps(nut);
    await nut.say({ 'ups.status': 'OB DISCHRG', 'battery.charge': '90', 'battery.runtime': '1500' });
    await watch.until((known) => known.verdict.byTime === 'hold');
    nut.upsd.freeze();
    const { verdict } = await watch.until((known) => known.verdict.byNeed === 'final');
    expect(verdict).toMatchObject({ blind: true, mains: 'out' });
    expect(verdict.because).toMatch(/^the UPS has not answered for \d+ s and was on battery before$/);
    nut.upsd.thaw();
    const { verdict: seeing } = await watch.until((known) => known.watch.class !== 'unknown');
    expect(seeing).toMatchObject({ blind: false, byNeed: 'final' });
    await watch.close();
  });
});
