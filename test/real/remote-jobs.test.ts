import { beforeAll, expect, it } from 'vitest';
import type { JobSpec, RemoteJobs } from '../../clients/remote-job/index.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';

/** Waits in the job until the test makes the file. */
const until = (file: string): string => `while ! test -f ${file}; do sleep 0.05; done`;

function job(id: string, command: string, more: Partial<JobSpec> = {}): JobSpec {
  return { id, command, timeoutSeconds: 60, description: "a job's test", ...more };
}

async function followed(jobs: RemoteJobs, id: string, fromOffset = 0) {
  let log = '';
  const { state, exitCode } = await jobs.follow({ id, fromOffset, pollMs: 50, onChunk: (text) => (log += text) });
  return { state, exitCode, log };
}

describeOnRealHosts('a remote job on a host with systemd', (world) => {
  let host: Host;
  beforeAll(async () => {
    host = await world.boot();
  });

  it('is a unit of systemd that ends with its exit code and all its output', async () => {
    const spec = job('result', `echo "out äöü"; echo err >&2; cat; ${until('/run/go-result')}; exit 7`);
    expect(await host.jobs.ensureStarted(spec)).toBe('started');
    const unit = await host.sh('systemctl show caretaker-result -p ActiveState,Description,RuntimeMaxUSec');
    expect(unit.split('\n')).toEqual(
      expect.arrayContaining(['ActiveState=active', "Description=a job's test", 'RuntimeMaxUSec=1min']),
    );
    await host.sh('touch /run/go-result');
    expect(await followed(host.jobs, 'result')).toEqual({ state: 'finished', exitCode: 7, log: 'out äöü\nerr\n' });
    expect(await host.jobs.ensureStarted(spec)).toBe('finished');
  });

  it('is read from any offset', async () => {
    await host.jobs.ensureStarted(job('offset', 'printf 0123456789'));
    await followed(host.jobs, 'offset');
    expect(await followed(host.jobs, 'offset', 4)).toMatchObject({ log: '456789' });
  });

  it('is found running by another client, which gets the rest of its log and its result', async () => {
    const spec = job('found', `echo begun; ${until('/run/go-found')}; echo ended`);
    await host.jobs.ensureStarted(spec);
    const other = host.connect().jobs;
    expect(await other.ensureStarted(spec)).toBe('running');
    await expect.poll(async () => (await other.read({ id: 'found' })).log).toBe('begun\n');
    await host.sh('touch /run/go-found');
    expect(await followed(other, 'found', 'begun\n'.length)).toEqual({
      state: 'finished',
      exitCode: 0,
      log: 'ended\n',
    });
  });

  it('has its end known at once to whoever follows it, however rarely he asks', async () => {
    await host.jobs.ensureStarted(job('end', until('/run/go-end')));
    let looks = 0;
    const following = host.jobs.follow({ id: 'end', pollMs: 600_000, onChunk: () => (looks += 1) });
    await expect.poll(() => looks).toBe(1);
    await host.sh('touch /run/go-end');
    expect(await following).toMatchObject({ state: 'finished', exitCode: 0 });
  });

  it('is run once by eight clients that start it at the same time', async () => {
    const spec = job('race', 'echo once >>/var/lib/race');
    const starts = Array.from({ length: 8 }, () => host.connect().jobs.ensureStarted(spec));
    expect(['started', 'running', 'finished']).toEqual(expect.arrayContaining(await Promise.all(starts)));
    await followed(host.jobs, 'race');
    expect(await host.sh('cat /var/lib/race')).toBe('once\n');
  });

  it('is ended by systemd after its time, with the processes it started', async () => {
    await host.jobs.ensureStarted(job('slow', 'sleep 4321 & echo $!; wait', { timeoutSeconds: 1 }));
    const { state, log } = await followed(host.jobs, 'slow');
    expect(state).toBe('killed');
    expect(await host.sh(`kill -0 ${log.trim()} 2>&1 || true`)).toMatch(/No such process/);
  });

  it('is stopped with all its processes', async () => {
    await host.jobs.ensureStarted(job('stopped', 'setsid sleep 4321 & echo $!; wait'));
    await expect.poll(async () => (await host.jobs.read({ id: 'stopped' })).log).toMatch(/\d\n/);
    const { log } = await host.jobs.read({ id: 'stopped' });
    expect(await host.jobs.stop({ id: 'stopped', pollMs: 50 })).toBe('killed');
    expect(await host.sh(`kill -0 ${log.trim()} 2>&1 || true`)).toMatch(/No such process/);
  });

  it('is told as killed when its process is killed', async () => {
    await host.jobs.ensureStarted(job('killed', `echo begun; ${until('/run/never')}`));
    await expect.poll(async () => (await host.jobs.read({ id: 'killed' })).log).toBe('begun\n');
    await host.sh('systemctl kill --signal=KILL caretaker-killed.service');
    expect(await followed(host.jobs, 'killed')).toEqual({ state: 'killed', exitCode: undefined, log: 'begun\n' });
  });

  it('goes on while systemd executes itself anew, as in its own upgrade', async () => {
    await host.jobs.ensureStarted(job('reexec', `echo begun; systemctl daemon-reexec; ${until('/run/go-reexec')}`));
    await expect.poll(async () => (await host.jobs.read({ id: 'reexec' })).log).toBe('begun\n');
    expect((await host.jobs.read({ id: 'reexec' })).state).toBe('running');
    await host.sh('touch /run/go-reexec');
    expect(await followed(host.jobs, 'reexec')).toMatchObject({ state: 'finished', exitCode: 0 });
  });
});

describeOnRealHosts('a remote job on a host without systemd', (world) => {
  let host: Host;
  beforeAll(async () => {
    host = await world.boot({ init: '/bin/sh /root/init', prepare: `cat >/root/init <<'EOT'\n${INIT}EOT\n` });
  });

  it('runs in a session of its own to its result', async () => {
    expect(await host.jobs.ensureStarted(job('result', 'echo out; exit 7'))).toBe('started');
    expect(await followed(host.jobs, 'result')).toEqual({ state: 'finished', exitCode: 7, log: 'out\n' });
    expect(await host.sh('cat /var/lib/caretaker/result/runner')).toBe('setsid\n');
  });

  it('is run once by eight clients that start it at the same time', async () => {
    const spec = job('race', 'echo once >>/var/lib/race');
    await Promise.all(Array.from({ length: 8 }, () => host.connect().jobs.ensureStarted(spec)));
    await followed(host.jobs, 'race');
    expect(await host.sh('cat /var/lib/race')).toBe('once\n');
  });

  it('goes on when sshd and all its sessions end', async () => {
    await host.jobs.ensureStarted(job('alone', `echo begun; ${until('/run/go-alone')}; echo ended`));
    await host.sh('kill $(cat /run/sshd.pid); kill $PPID').catch(() => undefined);
    await host.ready();
    expect((await host.jobs.read({ id: 'alone' })).state).toBe('running');
    await host.sh('touch /run/go-alone');
    expect(await followed(host.jobs, 'alone')).toEqual({ state: 'finished', exitCode: 0, log: 'begun\nended\n' });
  });

  it('is ended after its time, and told as killed', async () => {
    await host.jobs.ensureStarted(job('slow', 'sleep 4321', { timeoutSeconds: 1 }));
    expect(await followed(host.jobs, 'slow')).toMatchObject({ state: 'killed' });
  });
});

/** What a container runs as its only service. */
const INIT = `mkdir -p /run/sshd
while :; do /usr/sbin/sshd -D; done
`;
