import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { writeScript } from '../../activities/nut-client/scripts.ts';
import { sh } from '../../clients/ssh/index.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { monitorOf, nutNode } from './machine/nut-node.ts';
import { NODES_PASSWORD, startNut, type RealNut } from './machine/nut.ts';

/** All that could be left behind, byte for byte, and how the service is. */
const EVERYTHING =
  'find /etc/nut /etc/logrotate.d /usr/local/sbin /etc/systemd/system -type f | sort | xargs stat -c "%n %a %U:%G" ;' +
  'find /etc/nut /etc/logrotate.d /usr/local/sbin -type f | sort | xargs sha256sum; systemctl is-enabled nut-monitor; systemctl is-active nut-monitor; true';

const FOREIGN = 'MONITOR other@10.0.0.9 1 me "pass" secondary\nSHUTDOWNCMD "/bin/true"\nMINSUPPLIES 1\n';

describeOnRealHosts('the NUT client of a node', (world) => {
  let nut: RealNut;
  beforeAll(async () => {
    nut = await startNut(inject('nut') ?? '', world.site);
    await world.repository.publishArchives(inject('nutClientArchives'));
  });
  afterAll(() => nut.close());

  const node = (host: Host, password?: string) => nutNode(host, monitorOf(world.site.address), nut, password);

  it('is made and proved, is left alone the second time, and leaves nothing behind when it is removed', async () => {
    const host = await world.boot();
    const client = node(host);
    const before = await host.sh(`mkdir -p /etc/nut /etc/logrotate.d; ${EVERYTHING}`);
    const { changed } = await client.protect();
    expect(changed).toContain('/etc/nut/upsmon.conf');
    expect(await host.sh('stat -c "%a %U:%G" /etc/nut/upsmon.conf /var/log/ups-events.log')).toBe(
      '640 root:nut\n640 nut:adm\n',
    );
    expect(await host.sh(`${sh`grep -r -l -F -e ${NODES_PASSWORD}`} /var/lib/caretaker || true`)).toBe('');
    const pid = await host.sh('systemctl show -p MainPID --value nut-monitor');
    const stamps = await host.sh('stat -c "%n %z" /etc/nut/* /usr/local/sbin/*');

    expect(await client.protect()).toEqual({ pending: false, changed: [] });
    expect(await host.sh('systemctl show -p MainPID --value nut-monitor')).toBe(pid);
    expect(await host.sh('stat -c "%n %z" /etc/nut/* /usr/local/sbin/*')).toBe(stamps);

    expect(await client.removeFiles()).toContain('removed /usr/local/sbin/ups-notify.sh');
    expect(await client.removePackage()).toBe(true);
    expect(await host.sh(`mkdir -p /etc/nut; ${EVERYTHING}`)).toBe(before);
    expect(await host.sh('dpkg-query -W -f "\\${db:Status-Status}" nut-client 2>/dev/null || true')).not.toBe(
      'installed',
    );
    expect(await client.removeFiles()).toEqual([]);
    expect(await client.removePackage()).toBe(false);
  });

  it('takes the place of a foreign one, which is back as it was when a proof fails and when it is removed', async () => {
    const host = await world.boot();
    await host.sh('apt-get -q update && apt-get -q -y --no-install-recommends install nut-client');
    await host.sh(`${sh`printf %s ${FOREIGN}`} >/etc/nut/upsmon.conf; chmod 600 /etc/nut/upsmon.conf`);
    await host.sh('systemctl disable -q nut-monitor');
    const before = await host.sh(EVERYTHING);

    const stranger = node(host, 'not-the-password');
    await stranger.install();
    await stranger.write();
    await stranger.restart();
    const error: unknown = await stranger.prove().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ type: 'NutClientNotProved' });
    expect(String(error)).toContain('ERR ACCESS-DENIED');
    expect(String(error)).not.toContain('not-the-password');
    await stranger.revert();
    expect(await host.sh(EVERYTHING)).toBe(before);
    // Nothing is ours: a removal leaves the client of somebody else at work.
    await host.sh('systemctl enable -q nut-monitor');
    expect(await stranger.removeFiles()).toEqual([]);
    await host.sh('systemctl is-enabled nut-monitor && systemctl disable -q nut-monitor');

    const client = node(host);
    await client.protect();
    expect(await host.sh('cat /etc/nut/upsmon.conf.before-caretaker')).toBe(FOREIGN);
    // One who knows it no better than before: the last good client comes back, not what was there first.
    await stranger.write();
    await stranger.restart();
    await expect(stranger.prove()).rejects.toMatchObject({ type: 'NutClientNotProved' });
    await stranger.revert();
    await client.prove();
    expect(await client.write()).toEqual({ pending: false, changed: [] });

    // An attempt that died half-way has put one file back.
    await host.sh('mv /etc/nut/nut.conf.before-caretaker /etc/nut/nut.conf');
    await client.removeFiles();
    expect(await client.removePackage()).toBe(false);
    expect(await host.sh(EVERYTHING)).toBe(before);
  });

  it('is finished by the next attempt when the worker died between the files and the restart', async () => {
    const host = await world.boot();
    const client = node(host);
    await client.install();
    await client.write();
    const again = await client.write();
    expect(again.pending).toBe(true);
    expect(again.changed).toContain('/etc/nut/upsmon.conf');
    await client.protect();
    expect((await client.write()).pending).toBe(false);
  });

  it('is not made of a machine that serves a UPS itself, nor over a file that somebody has put in the place of ours', async () => {
    const host = await world.boot();
    const client = node(host);
    await client.protect();
    await host.sh(`${sh`printf %s ${FOREIGN}`} >/etc/nut/upsmon.conf`);
    await expect(client.write()).rejects.toMatchObject({
      type: 'Refused',
      message: expect.stringContaining('somebody has replaced /etc/nut/upsmon.conf') as string,
    });
    expect(await client.removeFiles()).toContain('left /etc/nut/upsmon.conf, which somebody has replaced');
    expect(await host.sh('cat /etc/nut/upsmon.conf')).toBe(FOREIGN);

    await host.sh('echo MODE=netserver >/etc/nut/nut.conf');
    await expect(client.install()).rejects.toMatchObject({
      type: 'Refused',
      message: expect.stringContaining('MODE=netserver') as string,
    });
  });

  it('never has half a file, whenever the connection is cut', async () => {
    const host = await world.boot();
    const file = { path: '/etc/new/a.conf', mode: '600', owner: 'root:root', content: 'one\ntwo\n' };
    const write = (stdin: string) => host.ssh.exec(writeScript(file), { stdin });
    for (const torn of ['', '8', '8\n', '8\none\n', '8\none\ntwo']) {
      expect((await write(torn)).code).not.toBe(0);
      expect(await host.sh('ls -A /etc/new')).not.toContain('a.conf\n');
    }
    expect((await write('8\none\ntwo\n')).code).toBe(0);
    expect(await host.sh('cat /etc/new/a.conf; ls -A /etc/new')).toBe('one\ntwo\na.conf\n');
  });

  it('waits for a package lock that somebody else holds', async () => {
    const host = await world.boot();
    const hold =
      'use Fcntl qw(:DEFAULT :seek); open my $f, ">>", "/var/lib/dpkg/lock-frontend" or die; my $l = pack "s!s!x28", F_WRLCK, SEEK_SET; fcntl $f, F_SETLKW, $l or die; open my $h, ">", "/run/held"; sleep 600;';
    await host.sh(`printf '%s' '${hold}' >/root/hold; systemd-run -q --unit=hold --collect perl /root/hold`);
    await expect.poll(() => host.sh('ls /run')).toContain('held');
    const installing = node(host).install('held');
    const log = async () => (await host.jobs.read({ id: 'held' })).log;
    await expect.poll(log, { timeout: 30_000 }).toMatch(/^Waiting for cache lock: Could not get/m);
    await host.sh('systemctl stop hold');
    await installing;
    expect(await host.sh('dpkg-query -W -f "\\${db:Status-Status}" nut-client')).toBe('installed');
  });

  it('refuses a password that upsmon cannot send, before anything is written', async () => {
    const host = await world.boot();
    const client = node(host, `${NODES_PASSWORD}=`);
    await client.install();
    const before = await host.sh(EVERYTHING);
    await expect(client.write()).rejects.toMatchObject({ type: 'InvalidInput' });
    expect(await host.sh(EVERYTHING)).toBe(before);
  });
});
