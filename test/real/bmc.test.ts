import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createBmc, type Bmc, type BmcOptions } from '../../clients/wake/index.ts';
import { BMC_USERS, createLab, smallSite, type FaultVerdict, type Lab } from '../../lab/index.ts';
import type {} from '../helpers/provided.ts';

const ipmitool = inject('ipmitool');
const machine = 'node/pve1';

describe.runIf(ipmitool !== null)('the controller of a node, asked by ipmitool', () => {
  let directory: string;
  let lab: Lab;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lab-bmc-'));
    lab = await createLab({ directory, site: smallSite(), scale: 100 });
  });
  afterEach(async () => {
    await lab.close();
    await rm(directory, { recursive: true });
  });

  function bmc(options: Partial<BmcOptions> = {}): Bmc {
    const [node] = lab.access.nodes;
    if (node === undefined) throw new Error('no node');
    const { host, port, user, password } = node.bmc;
    return createBmc({
      ...{ host, port, user, password: () => Promise.resolve(password) },
      program: ipmitool ?? '',
      timeouts: { answer: 1_000, total: 15_000 },
      ...options,
    });
  }
  const strike = (step: 'packet' | 'command', verdict: FaultVerdict, command?: string) =>
    lab.faults.add((point) =>
      point.at === 'bmc' && point.machine === machine && point.step === step && point.command === command
        ? verdict
        : undefined,
    );
  const power = () => lab.node('pve1').machine.power;
  const turnedOff = async () => lab.node('pve1').machine.powerCut('test');

  it.each([undefined, 3, 17])('says whether it is on, and turns it on: cipher suite %s', async (cipherSuite) => {
    const controller = bmc(cipherSuite === undefined ? {} : { cipherSuite });
    expect(await controller.power()).toBe('on');
    await turnedOff();
    expect(await controller.power()).toBe('off');
    await controller.turnOn();
    expect(await controller.power()).toBe('on');
    await expect.poll(power, { timeout: 10_000 }).toBe('on');
    expect(lab.log.of('bmc.control')).toMatchObject([
      { actor: `bmc:${BMC_USERS.administrator}`, subject: machine, detail: { control: 'on', power: 'off' } },
    ]);
  });

  it('is turned on a second time without a word', async () => {
    await bmc().turnOn();
    expect(power()).toBe('on');
    expect(lab.log.of('node.boot')).toEqual([]);
  });

  it('cycles its power when it hangs in its shutdown, and refuses that when it is off', async () => {
    lab.faults.once((point) => (point.at === 'node' && point.step === 'off' ? { do: 'drop' } : undefined));
    void lab.node('pve1').machine.shutdown({ reboot: false, actor: 'test' });
    await expect.poll(() => lab.node('pve1').apiUp, { timeout: 10_000 }).toBe(false);
    await bmc().turnOn();
    expect(power()).toBe('shutting-down');
    await bmc().cycle();
    await expect.poll(power, { timeout: 10_000 }).toBe('on');
    await turnedOff();
    await expect(bmc().cycle()).rejects.toMatchObject({ type: 'BmcRefused', outcome: 'refused' });
  });

  it.each([
    ['user', { user: 'nobody' }, 'BmcAuthentication'],
    ['password', { password: () => Promise.resolve('not this one') }, 'BmcAuthentication'],
    ['cipher suite', { cipherSuite: 2 }, 'BmcCipherSuite'],
    ['rights', { user: BMC_USERS.observer }, 'BmcPrivilege'],
  ])('refuses a wrong %s for good', async (_, options, type) => {
    await turnedOff();
    await expect(bmc(options).turnOn()).rejects.toMatchObject({ type, outcome: 'refused' });
    expect(power()).toBe('off');
  });

  it('that is silent may answer later', async () => {
    strike('packet', { do: 'drop' });
    await expect(bmc().power()).rejects.toMatchObject({ type: 'BmcUnreachable', outcome: 'retryable' });
  });

  it('that is busy may do it later', async () => {
    const mend = strike('command', { do: 'error', status: 0xc0, reason: 'busy' }, 'Chassis Control on');
    await turnedOff();
    await expect(bmc().turnOn()).rejects.toMatchObject({ type: 'BmcBusy', outcome: 'retryable' });
    mend();
    await bmc().turnOn();
    expect(power()).not.toBe('off');
  });

  it('that refuses to turn it on is to be looked at', async () => {
    strike('command', { do: 'error', status: 0xd5, reason: 'not now' }, 'Chassis Control on');
    await expect(bmc().turnOn()).rejects.toMatchObject({ type: 'BmcRefused', outcome: 'refused' });
  });

  it('that does not answer the command may have carried it out', async () => {
    strike('command', { do: 'drop' }, 'Chassis Control on');
    await expect(bmc().turnOn()).rejects.toMatchObject({ type: 'BmcNoAnswer', outcome: 'unknown' });
  });

  it('may say that it has turned it on and not have done so, which its next answer shows', async () => {
    await turnedOff();
    strike('command', { do: 'lie', body: null }, 'Chassis Control on');
    await bmc().turnOn();
    expect(await bmc().power()).toBe('off');
  });

  it('has power as long as the UPS gives some, and needs a moment when it is back', async () => {
    lab.ups.device.setMains(false);
    lab.ups.device.setCharge(0);
    await expect(bmc().power()).rejects.toMatchObject({ type: 'BmcUnreachable' });
    lab.ups.device.setMains(true);
    await expect.poll(() => bmc().power(), { timeout: 20_000 }).toBe('off');
    await bmc().turnOn();
    expect(power()).not.toBe('off');
  });
});
