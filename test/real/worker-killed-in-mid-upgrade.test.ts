import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { logOf, upgrade } from './machine/upgrade.ts';

const CHILD = fileURLToPath(new URL('machine/upgrade-child.ts', import.meta.url));

describeOnRealHosts('a worker killed in the middle of an upgrade', (world) => {
  let host: Host;
  beforeAll(async () => {
    host = await world.boot();
    await world.repository.publish({ name: 'tool', version: '1' });
    await host.sh('apt-get -q update && apt-get -q -y install tool');
    const postinst = 'echo "$2" >>/var/lib/configured; while ! test -f /run/go; do sleep 0.1; done';
    await world.repository.publish({ name: 'tool', version: '2', postinst });
  });

  it('is replaced by one that follows the same upgrade to its end: each package is configured once', async () => {
    const { sshPort, name } = host;
    const known = { privateKey: host.clientKey.privateKey, fingerprint: host.hostKey.fingerprint };
    const worker = spawn(process.execPath, ['--import', 'tsx', CHILD], {
      env: { ...process.env, UPGRADE: JSON.stringify({ name, sshPort, jobId: 'upgrade', ...known }) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const killed = once(worker, 'exit');
    await expect.poll(() => logOf(host, 'upgrade'), { timeout: 60_000 }).toContain('Setting up tool (2)');
    worker.kill('SIGKILL');
    expect(await killed).toEqual([null, 'SIGKILL']);

    const upgrading = upgrade(host, 'upgrade');
    expect((await host.jobs.read({ id: 'upgrade' })).state).toBe('running');
    await host.sh('touch /run/go');
    expect(await upgrading).toEqual({ packages: [{ name: 'tool', from: '1', to: '2' }] });
    expect(await host.sh('cat /var/lib/configured')).toBe('1\n');
  });
});
