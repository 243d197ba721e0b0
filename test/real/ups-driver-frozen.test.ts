import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithNut, startNut, type RealNut } from './machine/nut.ts';
import { silenceIsBorne } from './machine/ups-silence.ts';

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

  silenceIsBorne(() => nut, { begin: () => nut.driver.freeze(), end: () => nut.driver.thaw() });
});
