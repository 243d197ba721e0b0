import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithNut, startNut, type RealNut } from './machine/nut.ts';
import { silenceIsBorne } from './machine/ups-silence.ts';

describeWithNut('an upsd that dies', (root) => {
  let nut: RealNut;
  beforeAll(async () => {
    nut = await startNut(root);
  });
  afterAll(() => nut.close());

  /** Debian's dummy-ups falls with the connection to its upsd. */
  async function restart(): Promise<void> {
    await nut.driver.kill();
    nut.driver.start();
    nut.upsd.start();
  }

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
    await restart();
    await nut.ready('OL');
    expect(await client.variable('ups', 'ups.status')).toBe('OL');
  });

  silenceIsBorne(() => nut, { begin: () => nut.upsd.kill(), end: restart });
});
