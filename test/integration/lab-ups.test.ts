import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNutClient, type NutClient } from '../../clients/nut/index.ts';
import type { ManualClock } from '../../lab/core/clock.ts';
import { createLab, NUT_USERS, smallSite } from '../../lab/index.ts';
import { readPower } from '../../planning/power-reading.ts';
import { manualUpsWorld, type UpsWorld } from './lab-ups-setup.ts';

let world: UpsWorld & { readonly clock: ManualClock };
let client: NutClient;

beforeEach(async () => {
  world = await manualUpsWorld();
  client = world.client();
});
afterEach(() => world.close());

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const events = (...names: string[]) => world.context.log.of(...names).map(({ action }) => action);
const read = async () => readPower(await client.listVariables('ups'));
const valueOf = async (name: 'charge' | 'runtime' | 'load') => {
  const measurement = (await read())[name];
  if ('absent' in measurement) throw new Error(measurement.absent);
  return measurement.value;
};

describe('the UPS of the lab', () => {
  it('is that of the reference site, full and on mains', async () => {
    expect(await client.listUps()).toEqual([{ name: 'ups', description: 'CyberPower in the rack' }]);
    const variables = await client.listVariables('ups');
    expect(Object.fromEntries(variables)).toMatchObject({
      'device.mfr': 'CPS',
      'device.model': 'PR1500ERT2U',
      'ups.realpower.nominal': '1350',
      'ups.power.nominal': '1500',
    });
    expect(await read()).toMatchObject({ status: ['OL'], charge: { value: 100 }, inputVoltage: { value: 230 } });
    expect(await client.variable('ups', 'ups.status')).toBe('OL');
  });

  it('is emptied by the load in watts, is low below its threshold, and goes off when it is empty', async () => {
    const lost: string[] = [];
    world.ups.device.attach({ watts: () => 320, powerLost: (reason) => lost.push(reason) });
    expect(await valueOf('load')).toBe(28);
    world.ups.device.setMains(false);
    expect((await read()).status).toEqual(['DISCHRG', 'OB']);
    expect(await valueOf('runtime')).toBe(1136);
    await world.clock.advance(10 * MINUTE);
    expect(await valueOf('charge')).toBe(47);
    expect(await valueOf('runtime')).toBe(536);
    expect(events('ups.low')).toEqual([]);
    await world.clock.advance(4 * MINUTE);
    expect((await read()).status).toEqual(['DISCHRG', 'LB', 'OB']);
    expect(events('ups.low')).toEqual(['ups.low']);
    expect(lost).toEqual([]);
    await world.clock.advance(5 * MINUTE);
    expect(lost).toEqual(['the battery is empty']);
    expect(events('mains.off', 'ups.low', 'ups.off')).toEqual(['mains.off', 'ups.low', 'ups.off']);
    await expect(client.listUps()).rejects.toMatchObject({ class: 'comms' });
  });

  it('lasts longer from the moment at which a load is gone', async () => {
    let watts = 320;
    world.ups.device.attach({ watts: () => watts, powerLost: () => undefined });
    world.ups.device.setMains(false);
    await world.clock.advance(5 * MINUTE);
    expect(await valueOf('runtime')).toBe(836);
    watts = 160;
    world.ups.device.update();
    expect(await valueOf('runtime')).toBe(1445);
  });

  it('plays an outage, and charges when the mains are back', async () => {
    world.ups.device.script([
      { afterMs: 10 * SECOND, mains: false },
      { afterMs: 70 * MINUTE, mains: true },
    ]);
    await world.clock.advance(9 * SECOND);
    expect((await read()).status).toEqual(['OL']);
    await world.clock.advance(2 * SECOND);
    expect((await read()).status).toEqual(['DISCHRG', 'OB']);
    await world.clock.advance(70 * MINUTE);
    expect((await read()).status).toEqual(['CHRG', 'OL']);
    const charge = await valueOf('charge');
    await world.clock.advance(30 * MINUTE);
    expect(await valueOf('charge')).toBeGreaterThan(charge);
    await world.clock.advance(10 * 60 * MINUTE);
    expect((await read()).status).toEqual(['OL']);
  });

  it('gives power and answers again after it was empty, as soon as the mains are back', async () => {
    world.ups.device.setMains(false);
    await world.clock.advance(3 * 60 * MINUTE);
    expect(world.ups.device.output).toBe(false);
    world.ups.device.setMains(true);
    expect(world.ups.device.output).toBe(true);
    await expect.poll(() => read().catch(() => null)).toMatchObject({ status: ['CHRG', 'LB', 'OL'] });
  });

  it('says what a test wants it to say, until it is to speak the truth again', async () => {
    world.ups.device.report('battery.charge', 'N/A');
    world.ups.device.report('battery.runtime', null);
    world.ups.device.report('ups.status', 'OL CAL "x" \\ #1');
    expect(await read()).toMatchObject({
      status: ['"X"', '#1', 'CAL', 'OL', '\\'],
      charge: { absent: "battery.charge is 'N/A', which is no number" },
      runtime: { absent: 'the UPS does not report battery.runtime' },
    });
    await expect(client.variable('ups', 'battery.runtime')).rejects.toMatchObject({ class: 'optional' });
    for (const name of ['battery.charge', 'battery.runtime', 'ups.status']) world.ups.device.reportTruly(name);
    expect(await read()).toMatchObject({ status: ['OL'], charge: { value: 100 } });
  });
});

describe('a command to the UPS of the lab', () => {
  it('is carried out and followed', async () => {
    expect(await client.listCommands('ups')).toContain('beeper.mute');
    await client.instantCommand('ups', 'beeper.mute', { tracking: true });
    expect(await client.variable('ups', 'ups.beeper.status')).toBe('muted');
    await client.setVariable('ups', 'ups.id', 'rack "1" \\ #2', { tracking: true });
    expect(await client.variable('ups', 'ups.id')).toBe('rack "1" \\ #2');
    expect(events('ups.command', 'ups.set')).toEqual(['ups.command', 'ups.set']);
  });

  it.each([
    ['ups', 'battery.charge', '50', 'NutNotSupported', 'ERR READONLY'],
    ['ups', 'no.such.thing', '50', 'NutNotSupported', 'ERR VAR-NOT-SUPPORTED'],
    ['ups', 'ups.id', 'x'.repeat(33), 'NutArgument', 'ERR TOO-LONG'],
    ['ups', 'input.sensitivity', 'huge', 'NutArgument', 'ERR INVALID-VALUE'],
    ['ups', 'input.transfer.low', '12', 'NutArgument', 'ERR INVALID-VALUE'],
    ['other', 'ups.id', 'x', 'NutUnknownUps', 'ERR UNKNOWN-UPS'],
  ])('that sets %s %s to %j is refused with %s', async (ups, name, value, type, words) => {
    await expect(client.setVariable(ups, name, value)).rejects.toMatchObject({ type, words, outcome: 'refused' });
    expect(events('ups.set')).toEqual([]);
  });

  it('is refused to a user that may not, and to one that gives no password', async () => {
    const secondary = world.client({ username: NUT_USERS.secondary });
    await expect(secondary.instantCommand('ups', 'beeper.mute')).rejects.toMatchObject({ words: 'ERR ACCESS-DENIED' });
    await expect(secondary.forcedShutdown('ups')).rejects.toMatchObject({ words: 'ERR ACCESS-DENIED' });
    const nobody = createNutClient({ host: '127.0.0.1', port: world.ups.server.port, tls: 'off' });
    await expect(nobody.forcedShutdown('ups')).rejects.toMatchObject({
      words: 'ERR USERNAME-REQUIRED',
      class: 'config',
    });
    nobody.close();
    await expect(client.instantCommand('ups', 'make.coffee')).rejects.toMatchObject({ words: 'ERR CMD-NOT-SUPPORTED' });
    expect(world.ups.server.fsd).toBe(false);
  });

  it('that turns the load off takes the server with it', async () => {
    await client.instantCommand('ups', 'load.off');
    await expect.poll(() => world.ups.device.output).toBe(false);
    await expect(client.listUps()).rejects.toMatchObject({ class: 'comms' });
  });
});

describe('a login to the lab', () => {
  it('is counted and shown as long as its connection holds', async () => {
    const secondary = world.client({ username: NUT_USERS.secondary });
    expect(await client.numLogins('ups')).toBe(0);
    await secondary.login('ups');
    expect(await client.numLogins('ups')).toBe(1);
    expect(await client.listClients('ups')).toEqual(['127.0.0.1']);
    await secondary.logout();
    await expect.poll(() => client.numLogins('ups')).toBe(0);
  });
});

describe('FSD in the lab', () => {
  it('is a latch that only a restart of the server clears', async () => {
    await client.forcedShutdown('ups');
    expect(await client.variable('ups', 'ups.status')).toBe('FSD OL');
    world.ups.device.setMains(false);
    expect((await read()).status).toEqual(['DISCHRG', 'FSD', 'OB']);
    world.ups.device.setMains(true);
    await world.clock.advance(24 * 60 * MINUTE);
    expect((await read()).status).toEqual(['FSD', 'OL']);
    await world.ups.server.restart();
    await expect.poll(() => read().catch(() => null)).toMatchObject({ status: ['OL'] });
  });
});

describe('encryption in the lab', () => {
  it('is there when it is required, by the authority or by the fingerprint', async () => {
    const { ca, certificates } = world;
    const fingerprint = certificates.nodes.get('ups')?.fingerprint ?? '';
    for (const trust of [{ ca }, { fingerprint }, { fingerprint: fingerprint.replaceAll(':', '').toLowerCase() }]) {
      const secret = world.client({ tls: 'required', ...trust });
      await secret.instantCommand('ups', 'beeper.mute', { tracking: true });
      expect((await secret.listVariables('ups')).get('ups.status')).toBe('OL');
    }
    expect(events('ups.encrypted')).toHaveLength(3);
  });

  it.each(['required', 'prefer'] as const)('is refused with a stranger when it is %s', async (tls) => {
    const fingerprint = world.certificates.nodes.get('stranger')?.fingerprint ?? '';
    await expect(world.client({ tls, fingerprint }).listUps()).rejects.toMatchObject({
      type: 'NutCertificate',
      class: 'config',
      outcome: 'refused',
    });
    await expect(world.client({ tls, ca: world.ca, serverName: 'other' }).listUps()).rejects.toMatchObject({
      type: 'NutCertificate',
    });
  });

  it('with a server for which nobody vouches is refused when it is required, and no worse than none when preferred', async () => {
    await expect(world.client({ tls: 'required' }).listUps()).rejects.toMatchObject({ type: 'NutCertificate' });
    expect(await world.client({ tls: 'prefer' }).listUps()).toHaveLength(1);
    expect(events('ups.encrypted').length).toBeGreaterThan(0);
  });

  it('that the server does not offer is done without when it is preferred, and a fault when it is required', async () => {
    world.strike('answer', { do: 'error', reason: 'FEATURE-NOT-CONFIGURED' }, 'STARTTLS');
    expect(await world.client({ tls: 'prefer' }).listUps()).toHaveLength(1);
    const required = world.client({ tls: 'required' });
    await expect(required.instantCommand('ups', 'beeper.mute')).rejects.toMatchObject({
      type: 'NutTlsMissing',
      class: 'config',
      outcome: 'refused',
    });
    expect(events('ups.command')).toEqual([]);
  });

  it.each([
    ['OK STARTTLS\nVAR ups ups.status "OB"\n', 'NutUnexpectedAnswer'],
    ['OK STARTTLS\nVAR', 'NutUnexpectedAnswer'],
    ['HELLO\n', 'NutUnexpectedAnswer'],
  ])('does not begin with more than its answer, in clear text: %j', async (body, type) => {
    world.strike('answer', { do: 'lie', body }, 'STARTTLS');
    await expect(world.client({ tls: 'prefer' }).listUps()).rejects.toMatchObject({ type, class: 'comms' });
  });

  it('that never gets ready is given up', async () => {
    world.strike('answer', { do: 'lie', body: 'OK STARTTLS\n' }, 'STARTTLS');
    const hung = world.client({ tls: 'required', timeouts: { connect: 200 } });
    await expect(hung.listUps()).rejects.toMatchObject({ class: 'comms', outcome: 'retryable' });
  });
});

describe('a fault of the lab', () => {
  const comms = { class: 'comms', outcome: 'retryable' };

  it.each(['DATA-STALE', 'DRIVER-NOT-CONNECTED'])(
    'of the driver is %s, while the server still lists it',
    async (reason) => {
      const mend = world.strike('driver', { do: 'error', reason });
      await expect(client.listVariables('ups')).rejects.toMatchObject({ ...comms, words: `ERR ${reason}` });
      await expect(client.variable('ups', 'ups.status')).rejects.toMatchObject({ ...comms, words: `ERR ${reason}` });
      expect(await client.listUps()).toHaveLength(1);
      mend();
      expect((await read()).status).toEqual(['OL']);
    },
  );

  it('cuts a list in the middle, which is an error and never a part of it', async () => {
    for (const bytes of [0, 10, 60, 400]) {
      const mend = world.strike('answer', { do: 'cut', bytes }, 'LIST VAR');
      await expect(client.listVariables('ups')).rejects.toMatchObject({ ...comms, type: 'NutConnectionLost' });
      mend();
    }
    expect((await read()).status).toEqual(['OL']);
  });

  it('says garbage', async () => {
    const mend = world.strike('answer', { do: 'lie', body: '\0\x01\xff<html>\n' });
    await expect(client.listVariables('ups')).rejects.toMatchObject({ ...comms, type: 'NutUnexpectedAnswer' });
    mend();
    expect((await read()).status).toEqual(['OL']);
  });

  it('hangs the server, which costs its time and nothing else', async () => {
    const hasty = world.client({ timeouts: { reply: 50 } });
    const mend = world.strike('answer', { do: 'delay', ms: 3_600_000 });
    await expect(hasty.listVariables('ups')).rejects.toMatchObject({ ...comms, type: 'NutTimeout' });
    mend();
    expect((await hasty.listVariables('ups')).get('ups.status')).toBe('OL');
  });

  it('takes the server away, and lets nobody in', async () => {
    await world.ups.server.stop();
    await expect(client.listUps()).rejects.toMatchObject({ ...comms, type: 'NutUnreachable' });
    await world.ups.server.start();
    const mend = world.strike('connect', { do: 'drop' });
    await expect(client.listUps()).rejects.toMatchObject(comms);
    mend();
    expect(await client.listUps()).toHaveLength(1);
  });
});

describe('a whole lab', () => {
  it('hangs on its UPS, and says where it is', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lab-ups-whole-'));
    const lab = await createLab({ directory, site: smallSite(), scale: 20 });
    try {
      const { host, port, name, user, password } = lab.access.ups;
      const ca = await readFile(lab.access.caFile, 'utf8');
      const options = { host, port, tls: 'required', ca, username: user } as const;
      const inside = createNutClient({ ...options, password: () => Promise.resolve(password) });
      expect((await inside.listVariables(name)).get('ups.load')).toBe('28');
      await inside.instantCommand(name, 'beeper.mute');
      inside.close();
      lab.ups.device.setCharge(0);
      lab.ups.device.setMains(false);
      await expect
        .poll(() => [...lab.cluster.nodes.values()].map(({ machine }) => machine.power))
        .toEqual(['off', 'off']);
    } finally {
      await lab.close();
      await rm(directory, { recursive: true });
    }
  });
});
