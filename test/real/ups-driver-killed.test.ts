import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithNut, startNut, type RealNut } from './machine/nut.ts';
import { silenceIsBorne } from './machine/ups-silence.ts';

describeWithNut('a driver that dies', (root) => {
  let nut: RealNut;
  beforeAll(async () => {
    nut = await startNut(root);
  });
  afterAll(() => nut.close());

  it('leaves nothing known of the UPS, while the server still lists it and takes logins', async () => {
    const client = nut.client();
    await nut.driver.kill();
    const look = () => client.listVariables('ups').catch((error: unknown) => error);
    await expect.poll(look, { timeout: 20_000 }).toMatchObject({
      type: 'NutDriverNotConnected',
      class: 'comms',
      outcome: 'retryable',
      words: 'ERR DRIVER-NOT-CONNECTED',
    });
    expect(await client.listUps()).toHaveLength(1);
    await nut.client({ username: 'secondary' }).login('ups');
    await expect(client.setVariable('ups', 'ups.load', '1')).rejects.toMatchObject({ class: 'comms' });
    nut.driver.start();
    await nut.ready('OL');
  });

  silenceIsBorne(() => nut, { begin: () => nut.driver.kill(), end: () => nut.driver.start() });
});
