import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { logOf } from './machine/upgrade.ts';

const CHILD = fileURLToPath(new URL('machine/patch-child.ts', import.meta.url));

/** Counts the runs of a package's script, and stops there until the test says so. */
const stopAt = (step: number): string =>
  `echo "$DPKG_MAINTSCRIPT_PACKAGE" >>/var/lib/configured; while ! test -f /run/go-${step}; do sleep 0.1; done`;
const RESTART_SSHD = 'systemctl restart ssh; systemctl kill --signal=KILL session-\\*.scope || true';

const CUT_MS = 30_000;

interface Line {
  readonly name: string;
  readonly heartbeat?: { readonly waitingFor?: string };
  readonly result?: unknown;
}

function startWorker(hosts: readonly Host[]) {
  const known = hosts.map(({ name, sshPort, clientKey, hostKey }) => {
    return { name, sshPort, privateKey: clientKey.privateKey, fingerprint: hostKey.fingerprint };
  });
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD], {
    env: { ...process.env, HOSTS: JSON.stringify(known) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, 'exit');
  const lines = (): Line[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  return {
    lines,
    ended,
    /** What it waits for on a host, by its last heartbeat. */
    waitsFor: ({ name }: Host) => lines().findLast((line) => line.name === name)?.heartbeat?.waitingFor,
    async kill() {
      child.kill('SIGKILL');
      expect(await ended).toEqual([null, 'SIGKILL']);
    },
  };
}

describeOnRealHosts('a worker killed while it patches hosts', (world) => {
  let hosts: Host[];
  beforeAll(async () => {
    const names = ['first', 'second', 'third'];
    const service = { name: 'service', version: '1', conffiles: { '/etc/service.conf': 'color=red\n' } };
    await world.repository.publish(...names.map((name) => ({ name, version: '1' })), service);
    hosts = await Promise.all([world.boot(), world.boot({ kind: 'container' }), world.boot()]);
    await onAll(
      `apt-get -q update && apt-get -q -y install ${names.join(' ')} service && echo color=mine >/etc/service.conf`,
    );
    await world.repository.publish(
      { name: 'first', version: '2', postinst: stopAt(1) },
      { name: 'second', version: '2', depends: 'first (>= 2)', postinst: `${stopAt(2)}; ${RESTART_SSHD}` },
      { name: 'third', version: '2', depends: 'second (>= 2)', postinst: stopAt(3) },
      { ...service, version: '2', conffiles: { '/etc/service.conf': 'color=blue\n' } },
    );
  });

  const onAll = (line: string): Promise<string[]> => Promise.all(hosts.map((host) => host.sh(line)));
  async function allAt(words: string): Promise<void> {
    await expect
      .poll(
        async () => (await Promise.all(hosts.map((host) => logOf(host, 'patch')))).every((log) => log.includes(words)),
        {
          timeout: 60_000,
        },
      )
      .toBe(true);
  }

  it('three times, with sshd restarted by the upgrade and the network cut for 30 seconds, is replaced by one that finds all as it was: each package is configured once', async () => {
    const [, , cut] = hosts as [Host, Host, Host];
    let worker = startWorker(hosts);
    for (const [step, name] of ['first', 'second', 'third'].entries()) {
      await allAt(`Setting up ${name} (2)`);
      await expect
        .poll(() => hosts.map(worker.waitsFor), { timeout: 30_000 })
        .toEqual(hosts.map(() => expect.stringContaining(`packages, ${name}`) as string));
      await worker.kill();
      worker = startWorker(hosts);
      if (name !== 'third') await onAll(`touch /run/go-${step + 1}`);
    }
    await expect.poll(() => worker.waitsFor(cut), { timeout: 30_000 }).toContain('packages, third');
    await cut.unplug();
    await delay(CUT_MS);
    expect(worker.waitsFor(cut)).toContain('SSH');
    await cut.plug();
    await onAll('touch /run/go-3');
    expect(await worker.ended).toEqual([0, null]);

    const packages = ['first', 'second', 'service', 'third'].map((name) => ({ name, from: '1', to: '2' }));
    for (const host of hosts) {
      const { result } = worker.lines().find((line) => line.name === host.name && line.result !== undefined) ?? {};
      expect(result).toEqual({
        packages: expect.arrayContaining(packages) as unknown,
        keptConffiles: ['/etc/service.conf'],
        removed: [],
        refreshed: true,
      });
      expect(await host.sh('cat /var/lib/configured')).toBe('first\nsecond\nthird\n');
      expect(await host.sh('cat /etc/service.conf /etc/service.conf.dpkg-dist')).toBe('color=mine\ncolor=blue\n');
      expect(await host.sh('dpkg --audit')).toBe('');
      expect(await host.sh('ls /var/lib/caretaker')).toBe('lists-refreshed\npatch\n');
    }
  });
});
