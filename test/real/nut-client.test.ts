import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readPower } from '../../planning/power-reading.ts';
import { describeWithNut, PASSWORD, startNut, type RealNut } from './machine/nut.ts';

describeWithNut('a real NUT server', (root) => {
  let nut: RealNut;
  beforeAll(async () => {
    nut = await startNut(root);
  });
  afterAll(() => nut.close());

  it('lists its UPS and what it says', async () => {
    const client = nut.client();
    expect(await client.listUps()).toEqual([{ name: 'ups', description: 'The "real" one' }]);
    expect(readPower(await client.listVariables('ups'))).toMatchObject({
      status: ['OL'],
      charge: { value: 100 },
      runtime: { value: 1500 },
      load: { value: 20 },
      inputVoltage: { absent: 'the UPS does not report input.voltage' },
    });
    expect(await client.variable('ups', 'battery.charge')).toBe('100');
    expect(await client.listCommands('ups')).toContain('load.off');
  });

  it('knows neither another UPS nor a variable that this one has not', async () => {
    const client = nut.client();
    await expect(client.listVariables('other')).rejects.toMatchObject({ words: 'ERR UNKNOWN-UPS', class: 'config' });
    await expect(client.variable('ups', 'input.voltage')).rejects.toMatchObject({
      words: 'ERR VAR-NOT-SUPPORTED',
      class: 'optional',
    });
    expect(await client.variable('ups', 'ups.status')).toBe('OL');
  });

  it('counts a login, and only as long as its connection holds', async () => {
    const client = nut.client();
    const secondary = nut.client({ username: 'secondary' });
    await secondary.listVariables('ups');
    expect(await client.numLogins('ups')).toBe(0);
    await secondary.login('ups');
    await secondary.login('ups');
    expect(await client.numLogins('ups')).toBe(1);
    expect(await client.listClients('ups')).toEqual(['127.0.0.1']);
    await secondary.logout();
    await expect.poll(() => client.numLogins('ups')).toBe(0);
  });

  it('lets a wrong password pass until a command needs it', async () => {
    const wrong = nut.client({ password: () => Promise.resolve('hunter2') });
    expect(await wrong.variable('ups', 'ups.status')).toBe('OL');
    const error: unknown = await wrong.setVariable('ups', 'ups.load', '21').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ type: 'NutAccessDenied', class: 'config', words: 'ERR ACCESS-DENIED' });
    expect(`${JSON.stringify(error)} ${(error as Error).stack}`).not.toContain('hunter2');
    await expect(wrong.forcedShutdown('ups')).rejects.toMatchObject({ type: 'NutAccessDenied' });
    const nobody = nut.client({ password: () => Promise.resolve(PASSWORD), username: 'nobody' });
    await expect(nobody.login('ups')).rejects.toMatchObject({ type: 'NutAccessDenied' });
  });

  it('sets a variable and says when the driver has done it', async () => {
    const client = nut.client();
    await client.setVariable('ups', 'ups.load', '33', { tracking: true });
    await expect.poll(() => client.variable('ups', 'ups.load')).toBe('33');
    await expect(client.setVariable('ups', 'driver.version', '1')).rejects.toMatchObject({ words: 'ERR READONLY' });
  });

  it('passes a command on that the driver then does not know', async () => {
    const client = nut.client();
    await expect(client.instantCommand('ups', 'load.off', { tracking: true })).rejects.toMatchObject({
      class: 'comms',
      outcome: 'unknown',
      words: 'ERR UNKNOWN',
    });
    await expect(client.instantCommand('ups', 'make.coffee')).rejects.toMatchObject({ words: 'ERR CMD-NOT-SUPPORTED' });
  });

  it('is encrypted by STARTTLS to who knows its certificate, and to nobody else', async () => {
    const fingerprint = new X509Certificate(nut.ca).fingerprint256;
    for (const trust of [{ ca: nut.ca }, { fingerprint }]) {
      const client = nut.client({ tls: 'required', ...trust });
      expect((await client.listVariables('ups')).get('ups.status')).toBe('OL');
      await client.setVariable('ups', 'battery.runtime', '1400', { tracking: true });
    }
    for (const trust of [{}, { fingerprint: '00'.repeat(32) }, { ca: nut.ca, serverName: 'other' }]) {
      const client = nut.client({ tls: 'required', ...trust });
      await expect(client.listVariables('ups')).rejects.toMatchObject({ type: 'NutCertificate', class: 'config' });
    }
  });
});

describeWithNut('FSD of a real NUT server', (root) => {
  let nut: RealNut;
  beforeAll(async () => {
    nut = await startNut(root);
  });
  afterAll(() => nut.close());

  it('stays whatever the UPS says, until upsd is started anew', async () => {
    const client = nut.client();
    await client.forcedShutdown('ups');
    await nut.ready('FSD OL');
    await nut.say({ 'ups.status': 'OB DISCHRG LB' });
    await nut.ready('FSD OB DISCHRG LB');
    expect(readPower(await client.listVariables('ups')).status).toEqual(['DISCHRG', 'FSD', 'LB', 'OB']);
    await nut.say({ 'ups.status': 'OL' });
    await nut.ready('FSD OL');
    await nut.upsd.kill();
    await nut.driver.kill();
    nut.driver.start();
    nut.upsd.start();
    await nut.ready('OL');
  });
});
