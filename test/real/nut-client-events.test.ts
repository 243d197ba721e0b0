import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { SHUTDOWN_COMMAND } from '../../planning/nut-client-files.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { monitorOf, nutNode } from './machine/nut-node.ts';
import { NODES_PASSWORD, startNut, startUpsmon, type RealNut } from './machine/nut.ts';

const LOG = '/var/log/ups-events.log';
const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d ([A-Z]+) /;

describeOnRealHosts('a node that was made a NUT client', (world) => {
  let nut: RealNut;
  beforeAll(async () => {
    nut = await startNut(inject('nut') ?? '', world.site);
    await world.repository.publishArchives(inject('nutClientArchives'));
  });
  afterAll(() => nut.close());

  async function protectedHost(hostSync: number, deadTime: number): Promise<Host> {
    const host = await world.boot();
    await nutNode(host, monitorOf(world.site.address, { hostSync, deadTime }), nut).protect();
    return host;
  }

  /** Kinds of events in the log of a host, which may be off. */
  async function events(host: Host): Promise<readonly string[]> {
    const text = await world.site.run(['cat', `${world.site.place}/${host.name}/upper${LOG}`]);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => LINE.exec(line)?.[1] ?? `not a line of the log: ${line}`);
  }
  const seen = (host: Host, ...expected: string[]) =>
    expect.poll(() => events(host), { timeout: 20_000 }).toEqual(expected);
  const isOff = (host: Host) => expect.poll(() => host.ends, { timeout: 30_000 }).toEqual(['poweroff']);

  it('writes down each event once and in its order, and shuts itself down on the order of the NUT server', async () => {
    const host = await protectedHost(60, 60);
    const story: string[] = [];
    const tell = async (...more: string[]) => seen(host, ...(story.push(...more), story));
    await nut.say({ 'ups.status': 'OB DISCHRG' });
    await tell('ONBATT');
    await nut.say({ 'ups.status': 'OL' });
    await tell('ONLINE');
    await nut.upsd.kill();
    await tell('COMMBAD');
    nut.upsd.start();
    await tell('COMMOK');
    await nut.say({ 'ups.status': 'OB DISCHRG' });
    await tell('ONBATT');
    await nut.say({ 'ups.status': 'OB DISCHRG LB' });
    await tell('LOWBATT');
    await nut.client().forcedShutdown('ups');
    await isOff(host);
    // upsmon has both said at once, by two processes.
    const [last, lastButOne] = (await events(host)).toReversed();
    expect([last, lastButOne].sort()).toEqual(['FSD', 'SHUTDOWN']);
    expect((await events(host)).slice(0, -2)).toEqual(story);
    await nut.upsd.kill();
    nut.upsd.start();
    await nut.say({ 'ups.status': 'OL' });
    await nut.ready('OL');
  });

  it('shuts itself down on a low battery when the NUT server orders nothing', async () => {
    const host = await protectedHost(2, 60);
    await nut.say({ 'ups.status': 'OB LB' });
    await isOff(host);
    expect((await events(host)).toSorted()).toEqual(['LOWBATT', 'ONBATT', 'SHUTDOWN']);
    await nut.say({ 'ups.status': 'OL' });
    await nut.ready('OL');
  });

  it('shuts itself down when the NUT server is gone while it was on battery, and not while it was on mains', async () => {
    const host = await protectedHost(2, 4);
    await nut.upsd.kill();
    await seen(host, 'COMMBAD');
    nut.upsd.start();
    await seen(host, 'COMMBAD', 'COMMOK');
    await nut.say({ 'ups.status': 'OB' });
    await seen(host, 'COMMBAD', 'COMMOK', 'ONBATT');
    expect(host.ends).toEqual([]);
    await nut.upsd.kill();
    await isOff(host);
    expect(await events(host)).toContain('SHUTDOWN');
    nut.upsd.start();
    await nut.say({ 'ups.status': 'OL' });
    await nut.ready('OL');
  });

  it('logs out when its shutdown begins, so that HOSTSYNC of the primary does not wait for the end of it', async () => {
    const host = await protectedHost(60, 60);
    const slow = '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/sleep 60\n';
    await host.sh(`printf '${slow}' >/run/systemd/system/slow.service; systemctl start slow`);
    const login = {
      port: nut.port,
      user: 'primary',
      password: NODES_PASSWORD,
      role: 'primary',
      hostSync: 600,
    } as const;
    const primary = await startUpsmon(inject('nut') ?? '', login);
    try {
      const client = nut.client();
      await expect.poll(() => client.numLogins('ups'), { timeout: 20_000 }).toBe(2);
      await nut.say({ 'ups.status': 'OB LB' });
      await expect.poll(() => primary.notices(), { timeout: 30_000 }).toContain('SHUTDOWNCMD');
      expect(await events(host)).toContain('SHUTDOWN');
      expect(host.ends).toEqual([]);
    } finally {
      await primary.close();
    }
    await nut.upsd.kill();
    nut.upsd.start();
    await nut.say({ 'ups.status': 'OL' });
    await nut.ready('OL');
  });

  it('disturbs no shutdown that is under way when it asks for one itself', async () => {
    const host = await world.boot();
    // What upsmon would ask for, in the middle of a shutdown, by a service that takes its time to stop.
    const stop = `${SHUTDOWN_COMMAND}; sleep 2; echo stopped >>/root/in-order`;
    const unit = `[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/sh -c "${stop}"\n[Install]\nWantedBy=multi-user.target\n`;
    await host.sh(`printf '${unit}' >/etc/systemd/system/slow.service; systemctl enable -q --now slow`);
    await host.sh('systemctl reboot');
    await expect.poll(() => host.ends, { timeout: 30_000 }).toEqual(['reboot']);
    await host.ready();
    expect(await host.sh('cat /root/in-order')).toBe('stopped\n');
    await host.sh('systemctl poweroff');
    await expect.poll(() => host.ends, { timeout: 30_000 }).toEqual(['reboot', 'poweroff']);
    const order = await world.site.run(['cat', `${world.site.place}/${host.name}/upper/root/in-order`]);
    expect(order).toBe('stopped\nstopped\n');
  });

  it('logs an event that nobody knows, and goes on when the log cannot be written', async () => {
    const host = await protectedHost(2, 60);
    const script = '/usr/local/sbin/ups-notify.sh';
    await host.sh(`NOTIFYTYPE=ECO UPSNAME=ups@x ${script} "$(printf 'two\\nlines')"`);
    expect(await host.sh(`cat ${LOG}`)).toMatch(/ ECO ups@x: an event that is not known here \(twolines\)\n$/);
    await host.sh(`rm ${LOG}; mkdir ${LOG}; NOTIFYTYPE=ONBATT ${script} message`);
    await host.sh(`sh -n ${script}`);
  });
});
