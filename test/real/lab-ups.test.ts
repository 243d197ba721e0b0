import { afterEach, beforeEach, expect, it } from 'vitest';
import { ScaledClock } from '../../lab/core/clock.ts';
import { NUT_USERS } from '../../lab/ups/index.ts';
import { upsWorld, type UpsWorld } from '../integration/lab-ups-setup.ts';
import { describeWithNut, nutPrograms, startUpsmon, type RealUpsmon } from './machine/nut.ts';
import { run } from './machine/run.ts';

describeWithNut('the UPS of the lab', (root) => {
  let world: UpsWorld;
  let upsmon: RealUpsmon | undefined;

  beforeEach(async () => {
    world = await upsWorld(new ScaledClock(1));
  });
  afterEach(async () => {
    await upsmon?.close();
    upsmon = undefined;
    await world.close();
  });

  /** What a program of NUT says. */
  async function nut(name: string, ...args: string[]): Promise<string[]> {
    const { path, env } = await nutPrograms(root);
    const output = await run(['env', `LD_LIBRARY_PATH=${env['LD_LIBRARY_PATH']}`, path(name), ...args]);
    return output.trim().split('\n');
  }
  const address = () => `ups@127.0.0.1:${world.ups.server.port}`;
  const monitor = (role: 'primary' | 'secondary') =>
    startUpsmon(root, { port: world.ups.server.port, user: NUT_USERS[role], password: world.password, role });
  const seen = () => upsmon?.notices();

  it('is shown by upsc', async () => {
    world.ups.device.report('ups.id', 'a "b" \\ #1');
    const lines = await nut('upsc', address());
    expect(lines).toContain('ups.status: OL');
    expect(lines).toContain('device.model: PR1500ERT2U');
    expect(lines).toContain('ups.id: a "b" \\ #1');
    expect(await nut('upsc', address(), 'battery.charge')).toEqual(['100']);
    expect(await nut('upsc', '-l', `127.0.0.1:${world.ups.server.port}`)).toEqual(['ups']);
    await expect(nut('upsc', `other@127.0.0.1:${world.ups.server.port}`)).rejects.toThrow('Unknown UPS');
    await expect(nut('upsc', address(), 'no.such')).rejects.toThrow('Variable not supported by UPS');
    world.strike('driver', { do: 'error', reason: 'DATA-STALE' });
    await expect(nut('upsc', address())).rejects.toThrow('Data stale');
  });

  it('is commanded by upscmd and set by upsrw', async () => {
    const login = ['-u', NUT_USERS.operator, '-p', world.password];
    expect((await nut('upscmd', '-l', address())).join('\n')).toContain(
      'beeper.mute - Temporarily mute the UPS beeper',
    );
    await nut('upscmd', ...login, '-w', address(), 'beeper.mute');
    await nut('upsrw', ...login, '-w', '-s', 'ups.id=rack "1"', address());
    const variables = world.ups.device.variables();
    expect(variables.get('ups.beeper.status')).toBe('muted');
    expect(variables.get('ups.id')).toBe('rack "1"');
    expect((await nut('upsrw', address())).join('\n')).toContain('Option: "high"');
  });

  it('is watched by upsmon as secondary: battery, mains, a restart of the server, and FSD', async () => {
    upsmon = await monitor('secondary');
    const client = world.client();
    await expect.poll(() => client.numLogins('ups'), { timeout: 10_000 }).toBe(1);
    world.ups.device.setMains(false);
    await expect.poll(seen, { timeout: 10_000 }).toContain('ONBATT');
    world.ups.device.setMains(true);
    await expect.poll(seen, { timeout: 10_000 }).toContain('ONLINE');
    await world.ups.server.restart();
    await expect.poll(seen, { timeout: 10_000 }).toEqual(expect.arrayContaining(['COMMBAD', 'COMMOK']));
    await expect.poll(() => client.numLogins('ups').catch(() => 0), { timeout: 10_000 }).toBe(1);
    await client.forcedShutdown('ups');
    await expect.poll(seen, { timeout: 10_000 }).toContain('SHUTDOWNCMD');
  });

  it('is told to shut everybody down by upsmon as primary when its battery is low', async () => {
    upsmon = await monitor('primary');
    const client = world.client();
    await expect.poll(() => client.numLogins('ups'), { timeout: 10_000 }).toBe(1);
    world.ups.device.setMains(false);
    world.ups.device.setCharge(5);
    await expect.poll(() => world.ups.server.fsd, { timeout: 10_000 }).toBe(true);
    await expect.poll(seen, { timeout: 10_000 }).toContain('SHUTDOWNCMD');
    expect(world.context.log.of('ups.fsd')).toHaveLength(1);
  });
});
