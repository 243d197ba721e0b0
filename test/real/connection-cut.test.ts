import { beforeAll, expect, it } from 'vitest';
import { SshError } from '../../clients/ssh/index.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { logOf, upgrade } from './machine/upgrade.ts';

const WAIT = 'echo "$2" >>/var/lib/configured; while ! test -f /run/go; do sleep 0.1; done';

describeOnRealHosts('a connection that is cut in the middle of an upgrade', (world) => {
  let host: Host;
  beforeAll(async () => {
    host = await world.boot();
    await world.repository.publish({ name: 'tool', version: '1' }, { name: 'sshd-restarter', version: '1' });
    await host.sh('apt-get -q update && apt-get -q -y install tool sshd-restarter');
  });

  it('by a cable that is pulled out and put back is made again, and the upgrade was not disturbed', async () => {
    await world.repository.publish({ name: 'tool', version: '2', postinst: WAIT });
    const upgrading = upgrade(host, 'cable');
    await expect.poll(() => logOf(host, 'cable'), { timeout: 30_000 }).toContain('Setting up tool (2)');
    await host.unplug();
    const lost = host.connect({ connect: 1_000 }).ssh.exec('true');
    await expect(lost).rejects.toBeInstanceOf(SshError);
    await host.plug();
    await host.sh('touch /run/go');
    expect(await upgrading).toEqual({ packages: [{ name: 'tool', from: '1', to: '2' }] });
    expect(await host.sh('cat /var/lib/configured')).toBe('1\n');
  });

  it('by an upgrade that restarts sshd and ends its sessions is made again', async () => {
    const postinst = 'systemctl restart ssh; systemctl kill --signal=KILL session-\\*.scope || true';
    await world.repository.publish({ name: 'sshd-restarter', version: '2', postinst });
    expect(await upgrade(host, 'sshd')).toEqual({ packages: [{ name: 'sshd-restarter', from: '1', to: '2' }] });
  });

  it('tells the one who waits that the command may have run, and does not hang', async () => {
    const { ssh } = host.connect({ keepAlive: 200 });
    const waiting = ssh.exec('touch /run/was-here; sleep 600');
    const lost = expect(waiting).rejects.toMatchObject({ type: 'SshConnectionLost', outcome: 'unknown' });
    await expect.poll(() => host.sh('ls /run')).toContain('was-here');
    await host.unplug();
    await lost;
    await host.plug();
    await host.ready();
  });
});
