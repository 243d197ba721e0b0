import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithNut, startNut, type RealNut } from './machine/nut.ts';
import { silenceIsBorne } from './machine/ups-silence.ts';

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

  silenceIsBorne(() => nut, { begin: () => nut.upsd.freeze(), end: () => nut.upsd.thaw() });
});
