import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRemoteJobs, RemoteJobError, type JobSpec, type RemoteJobs } from '../../clients/remote-job/index.ts';
import { startScript } from '../../clients/remote-job/scripts.ts';
import { createSshClient, SshError, type SshClient } from '../../clients/ssh/index.ts';
import { createKeyPair, startSshServer, type SshServer } from './clients-ssh-server.ts';

const hostKey = createKeyPair('ed25519');
const clientKey = createKeyPair('ed25519');
// What a job may count on.
const commands = ['mkdir', 'mv', 'tail', 'head', 'wc', 'sync', 'setsid', 'timeout', 'sleep'];

let home: string;
let server: SshServer;
let ssh: SshClient;
let jobs: RemoteJobs;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'clients-job-'));
  const bin = join(home, 'bin');
  await mkdir(bin);
  for (const command of commands) await symlink(`/usr/bin/${command}`, join(bin, command)).catch(() => undefined);
  // The boot id is a file of the test, so that a reboot can be told.
  const cat = `#!/bin/sh\ntest "$1" = /proc/sys/kernel/random/boot_id && exec /bin/cat "$HOME/boot_id"\nexec /bin/cat "$@"\n`;
  await program('cat', cat);
  await writeFile(join(home, 'boot_id'), 'boot-1\n');
  server = await startSshServer({ hostKeys: [hostKey], clientKey, env: { HOME: home, PATH: bin } });
  ssh = createSshClient({
    host: '127.0.0.1',
    port: server.port,
    username: 'root',
    privateKey: () => Promise.resolve(clientKey.privateKey),
    hostKey: { fingerprint: hostKey.fingerprint },
  });
  jobs = createRemoteJobs(ssh, { stateDirectory: '~/jobs', chunkBytes: 1_000 });
});

afterEach(async () => {
  await server.close();
  await rm(home, { recursive: true, force: true });
});

async function program(name: string, text: string): Promise<void> {
  await writeFile(join(home, 'bin', name), text);
  await chmod(join(home, 'bin', name), 0o755);
}

function job(command: string, more: Partial<JobSpec> = {}): JobSpec {
  return { id: 'upgrade-1', command, timeoutSeconds: 60, description: "upgrade of 'pve1'", ...more };
}

/** Waits in the job until the test makes the file `go`, or is over. */
const untilGo = 'while test -d "$HOME" && ! test -f "$HOME/go"; do sleep 0.02; done';
const go = (): Promise<void> => writeFile(join(home, 'go'), '');

async function collect(
  id = 'upgrade-1',
  fromOffset = 0,
): Promise<{ log: string; state: string; exitCode: number | undefined }> {
  let log = '';
  const onChunk = (chunk: string): void => void (log += chunk);
  const end = await jobs.follow({ id, fromOffset, pollMs: 10, onChunk });
  return { log, state: end.state, exitCode: end.exitCode };
}

async function runs(): Promise<number> {
  return (await readFile(join(home, 'runs'), 'utf8')).length;
}

describe('a remote job without systemd', () => {
  it('runs to its end and gives its exit code and all its output', async () => {
    expect(await jobs.read({ id: 'upgrade-1' })).toMatchObject({ state: 'absent', log: '', bootId: 'boot-1' });
    expect(await jobs.ensureStarted(job('echo "out"; echo err >&2; cat; exit 7'))).toBe('started');
    expect(await collect()).toEqual({ log: 'out\nerr\n', state: 'finished', exitCode: 7 });
  });

  it('is found running, then finished, and is never run twice', async () => {
    const spec = job(`printf x >>"$HOME/runs"; ${untilGo}`);
    expect(await jobs.ensureStarted(spec)).toBe('started');
    await vi.waitFor(() => expect(existsSync(join(home, 'runs'))).toBe(true), { timeout: 10_000 });
    expect(await jobs.ensureStarted(spec)).toBe('running');
    await go();
    expect((await collect()).exitCode).toBe(0);
    expect(await jobs.ensureStarted(spec)).toBe('finished');
    expect(await runs()).toBe(1);
  });

  it.each([
    ['the boot id', '/proc/sys/kernel/random/boot_id'],
    ['the start of init', '/proc/1/stat'],
  ])('is not begun, nor taken for lost, by a login that cannot read %s', async (_, file) => {
    const spec = job(`printf x >>"$HOME/runs"; ${untilGo}`);
    const cat = await readFile(join(home, 'bin', 'cat'), 'utf8');
    const unread = cat.replace('#!/bin/sh\n', `#!/bin/sh\ntest "$1" = ${file} && exit 0\n`);
    await program('cat', unread);
    await expect(jobs.ensureStarted(spec)).rejects.toMatchObject({ type: 'RemoteJobNoReply', outcome: 'retryable' });
    await program('cat', cat);
    expect(await jobs.ensureStarted(spec)).toBe('started');
    await vi.waitFor(() => expect(existsSync(join(home, 'runs'))).toBe(true), { timeout: 10_000 });
    await program('cat', unread);
    await expect(jobs.read({ id: 'upgrade-1' })).rejects.toMatchObject({ type: 'RemoteJobNoReply' });
    await program('cat', cat);
    expect((await jobs.read({ id: 'upgrade-1' })).state).toBe('running');
    await go();
    expect((await collect()).state).toBe('finished');
    expect(await runs()).toBe(1);
  });

  it('is run once by ten starters at the same time', async () => {
    const spec = job('printf x >>"$HOME/runs"');
    await Promise.all(Array.from({ length: 10 }, () => jobs.ensureStarted(spec)));
    expect(await collect()).toMatchObject({ state: 'finished', exitCode: 0 });
    expect(await runs()).toBe(1);
  });

  it('is run once although the starter dies after any of its lines', async () => {
    const command = 'printf x >>"$HOME/runs"';
    const seen = new Set<string>();
    let prefixes = 0;
    for (let cut = 1; ; cut += 1) {
      const id = `upgrade-${cut}`;
      const spec = job(command, { id });
      const line = startScript({ ...spec, directory: `~/jobs/${id}`, unit: `x-${id}`, hash: await hashOf(command) });
      const died = await runPrefix(line, cut);
      if (died === 'end') break;
      if (died === 'no whole command') continue;
      prefixes += 1;
      seen.add(await jobs.ensureStarted(spec));
      expect(await collect(id)).toMatchObject({ state: 'finished', exitCode: 0 });
      expect(await runs()).toBe(prefixes);
    }
    expect(prefixes).toBeGreaterThan(10);
    expect(seen).toContain('started');
    expect([...seen].filter((state) => state === 'running' || state === 'finished')).not.toEqual([]);
  });

  it('refuses another command under the same id', async () => {
    await jobs.ensureStarted(job('true'));
    await collect();
    const again = jobs.ensureStarted(job('false'));
    await expect(again).rejects.toThrow(RemoteJobError);
    await expect(again).rejects.toMatchObject({ type: 'RemoteJobConflict' });
  });

  it('tells a killed job from one lost to a reboot, and starts neither again', async () => {
    const spec = job(`printf x >>"$HOME/runs"; echo begun; kill -9 $PPID; kill -9 $$`);
    await jobs.ensureStarted(spec);
    await vi.waitFor(async () => expect((await jobs.read({ id: 'upgrade-1' })).state).toBe('killed'), {
      timeout: 10_000,
    });
    expect(await collect()).toEqual({ log: 'begun\n', state: 'killed', exitCode: undefined });
    expect(await jobs.ensureStarted(spec)).toBe('killed');
    await writeFile(join(home, 'boot_id'), 'boot-2\n');
    expect(await collect()).toEqual({ log: 'begun\n', state: 'lost-to-reboot', exitCode: undefined });
    expect(await jobs.ensureStarted(spec)).toBe('lost-to-reboot');
    expect(await runs()).toBe(1);
  });

  it('keeps the result of a job that had finished before the reboot', async () => {
    await jobs.ensureStarted(job('exit 4'));
    await collect();
    await writeFile(join(home, 'boot_id'), 'boot-2\n');
    expect(await jobs.ensureStarted(job('exit 4'))).toBe('finished');
    expect(await jobs.read({ id: 'upgrade-1' })).toMatchObject({ state: 'finished', exitCode: 4, bootId: 'boot-2' });
  });

  it('is ended by the host itself after its time limit', async () => {
    await jobs.ensureStarted(job('sleep 1000', { timeoutSeconds: 1 }));
    expect((await collect()).state).toBe('killed');
  });

  it('is stopped with all its processes', async () => {
    await jobs.ensureStarted(job('sleep 1000 & echo "$!" >"$HOME/child"; wait'));
    await vi.waitFor(async () => expect(await readFile(join(home, 'child'), 'utf8')).toMatch(/\d\n/), {
      timeout: 10_000,
    });
    expect(await jobs.stop({ id: 'upgrade-1', pollMs: 20 })).toBe('killed');
    const child = Number(await readFile(join(home, 'child'), 'utf8'));
    expect(() => process.kill(child, 0)).toThrow(/ESRCH/);
    expect(await jobs.stop({ id: 'none' })).toBe('absent');
  });

  it('is stopped by force if it does not heed', async () => {
    await jobs.ensureStarted(job(`trap '' TERM; touched() { :; }; : >"$HOME/child"; while :; do sleep 0.05; done`));
    await vi.waitFor(() => expect(existsSync(join(home, 'child'))).toBe(true), { timeout: 10_000 });
    await jobs.stop({ id: 'upgrade-1', graceMs: 60, pollMs: 20 });
    await vi.waitFor(async () => expect((await jobs.read({ id: 'upgrade-1' })).state).toBe('killed'), {
      timeout: 10_000,
    });
  });

  it('reports a state directory that cannot be made', async () => {
    await writeFile(join(home, 'jobs'), 'a file');
    const start = jobs.ensureStarted(job('true'));
    await expect(start).rejects.toMatchObject({ type: 'RemoteJobHost' });
    await expect(start).rejects.toThrow(/mkdir/);
  });

  it('is asked for again after a report that did not come, since the host may be going down', async () => {
    await program('cat', '#!/bin/sh\nkill -9 $PPID\n');
    const read = jobs.read({ id: 'upgrade-1' });
    await expect(read).rejects.toMatchObject({ type: 'RemoteJobNoReply', outcome: 'retryable' });
  });

  it.each(['../x', 'a b', '', '-x', 'x'.repeat(121)])('refuses the id %j', async (id) => {
    await expect(jobs.ensureStarted(job('true', { id }))).rejects.toMatchObject({ type: 'RemoteJobInvalid' });
  });

  it('gives every byte of the log to a follower that was killed and came back', async () => {
    const lines = (from: number, to: number): string =>
      `i=${from}; while test $i -le ${to}; do echo "Zeile $i äöü 🚀"; i=$((i+1)); done`;
    const expected = Array.from({ length: 600 }, (_, index) => `Zeile ${index + 1} äöü 🚀\n`).join('');
    await jobs.ensureStarted(job(`${lines(1, 300)}; ${untilGo}; ${lines(301, 600)}`));
    const heard = await followAndDie();
    expect(expected.startsWith(heard.log)).toBe(true);
    await go();
    const rest = await collect('upgrade-1', heard.nextOffset);
    expect(heard.log + rest.log).toBe(expected);
    expect(rest).toMatchObject({ state: 'finished', exitCode: 0 });
  });

  it('runs on when the connection is lost, which the follower hears of', async () => {
    await jobs.ensureStarted(job(`echo begun; ${untilGo}; echo ended`));
    const lost = jobs.follow({ id: 'upgrade-1', pollMs: 10, onChunk: (log) => log !== '' && server.cut() });
    await expect(lost).rejects.toThrow(SshError);
    await go();
    expect((await collect()).log).toBe('begun\nended\n');
  });

  it('stops following when told so, with the reason given', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by the operator');
    await jobs.ensureStarted(job(untilGo));
    const following = jobs.follow({
      id: 'upgrade-1',
      signal: controller.signal,
      onChunk: () => controller.abort(reason),
    });
    await expect(following).rejects.toBe(reason);
    await go();
    expect((await collect()).state).toBe('finished');
  });
});

describe('a remote job under systemd', () => {
  /** A systemd that knows transient units by name: refuses a loaded one, forgets it at its end. */
  beforeEach(async () => {
    await program(
      'systemctl',
      `#!/bin/sh
case $1 in
  is-system-running) echo running ;;
  is-active) test -f "$HOME/units/\${2%.service}/pid" && { echo active; exit 0; }; echo inactive; exit 3 ;;
  show) echo "$*" >>"$HOME/calls"; test -d "$HOME/units/\${4%.service}" && { echo loaded; exit 0; }; echo not-found ;;
  stop) /bin/kill -s TERM -- "-$(cat "$HOME/units/\${2%.service}/pid")"; /bin/rm -r "$HOME/units/\${2%.service}" ;;
esac
`,
    );
    await program(
      'systemd-run',
      `#!/bin/sh
printf '%s\\n' "$*" >>"$HOME/calls"
unit=\${1#--unit=}
mkdir -p "$HOME/units"
mkdir "$HOME/units/$unit" 2>/dev/null || { echo "Failed to start transient service unit: Unit $unit.service was already loaded or has a fragment file." >&2; exit 1; }
while test "\${1#--}" != "$1"; do shift; done
setsid /bin/sh -c 'unit=$1; shift; echo $$ >"$unit/pid"; "$@"; /bin/rm -r "$unit"' sh "$HOME/units/$unit" "$@" </dev/null >/dev/null 2>&1 &
`,
    );
  });

  it('runs as a named unit with its time limit and description', async () => {
    expect(await jobs.ensureStarted(job('echo done'))).toBe('started');
    expect(await collect()).toEqual({ log: 'done\n', state: 'finished', exitCode: 0 });
    const calls = await readFile(join(home, 'calls'), 'utf8');
    expect(calls).toContain('--unit=caretaker-upgrade-1 --collect');
    expect(calls).toContain(`--description=upgrade of 'pve1' --property=RuntimeMaxSec=60`);
  });

  it('is attached to by a starter whose unit name is taken, and run once by ten', async () => {
    const spec = job(`printf x >>"$HOME/runs"; ${untilGo}`);
    const states = await Promise.all(Array.from({ length: 10 }, () => jobs.ensureStarted(spec)));
    expect(states.filter((state) => state === 'started')).toHaveLength(1);
    expect(new Set(states)).toEqual(new Set(['started', 'running']));
    await go();
    expect((await collect()).state).toBe('finished');
    expect(await runs()).toBe(1);
  });

  it('is not taken for killed by one who looks just as it begins', async () => {
    const calm = await readFile(join(home, 'bin', 'systemctl'), 'utf8');
    await mkdir(join(home, 'jobs', 'upgrade-1'), { recursive: true });
    await jobs.ensureStarted(job('true'));
    await collect();
    const folder = join(home, 'jobs', 'upgrade-1');
    for (const name of ['claim', 'rc', 'log']) await rm(join(folder, name), { recursive: true });
    // Its unit is not active yet; before the next line is reached, the job has begun.
    await program(
      'systemctl',
      calm.replace('echo inactive; exit 3', 'mkdir "$HOME/jobs/upgrade-1/claim"; echo inactive; exit 3'),
    );
    expect((await jobs.read({ id: 'upgrade-1' })).state).toBe('absent');
    expect(existsSync(join(folder, 'claim'))).toBe(true);
  });

  it('is attached to by a starter that comes while the unit of another is loaded and has yet to begin', async () => {
    await mkdir(join(home, 'units', 'caretaker-upgrade-1'), { recursive: true });
    const starter = jobs.ensureStarted(job('true'));
    const looksAgain = vi.waitFor(
      async () => expect(await readFile(join(home, 'calls'), 'utf8')).toContain('LoadState'),
      { timeout: 10_000 },
    );
    await Promise.race([starter, looksAgain]);
    await writeFile(join(home, 'units', 'caretaker-upgrade-1', 'pid'), '1\n');
    expect(await starter).toBe('running');
  });

  /** systemd does not answer about units, as while it executes itself anew in an upgrade. */
  async function muteSystemd(says = ''): Promise<void> {
    const running = 'test "$1" = is-system-running && { echo running; exit 0; }';
    await program('systemctl', `#!/bin/sh\n${running}\necho "Connection reset by peer" >&2\necho ${says}\nexit 1\n`);
  }

  it.each(['', 'inactive'])('runs as long as its process does, even if systemd says %j about it', async (says) => {
    await jobs.ensureStarted(job(`echo begun; ${untilGo}`));
    await vi.waitFor(async () => expect((await jobs.read({ id: 'upgrade-1' })).log).toBe('begun\n'), {
      timeout: 10_000,
    });
    await muteSystemd(says);
    expect((await jobs.read({ id: 'upgrade-1' })).state).toBe('running');
    await go();
    expect(await collect()).toEqual({ log: 'begun\n', state: 'finished', exitCode: 0 });
  });

  it('is killed when neither systemd nor the kernel know it', async () => {
    await jobs.ensureStarted(job('kill -9 $PPID; kill -9 $$'));
    await muteSystemd();
    await vi.waitFor(async () => expect((await jobs.read({ id: 'upgrade-1' })).state).toBe('killed'), {
      timeout: 10_000,
    });
  });

  it('counts as running from its launch on, even before its first line and while systemd does not answer', async () => {
    await program('systemd-run', '#!/bin/sh\nexit 0\n');
    expect(await jobs.ensureStarted(job('true'))).toBe('started');
    await muteSystemd();
    expect((await jobs.read({ id: 'upgrade-1' })).state).toBe('running');
    await mkdir(join(home, 'jobs', 'upgrade-1', 'claim'));
    expect((await jobs.read({ id: 'upgrade-1' })).state).toBe('running');
  });

  it('was never started when systemd did not take it, though it does not answer now', async () => {
    await program('systemd-run', '#!/bin/sh\necho "Failed to connect to bus" >&2\nexit 1\n');
    await expect(jobs.ensureStarted(job('true'))).rejects.toThrow(/Failed to connect to bus/);
    await muteSystemd();
    expect((await jobs.read({ id: 'upgrade-1' })).state).toBe('absent');
  });

  it('is stopped by its unit', async () => {
    await jobs.ensureStarted(job('echo begun; sleep 1000'));
    await vi.waitFor(async () => expect((await jobs.read({ id: 'upgrade-1' })).log).toBe('begun\n'), {
      timeout: 10_000,
    });
    expect(await jobs.stop({ id: 'upgrade-1' })).toBe('killed');
  });

  it('reports why systemd-run did not start it', async () => {
    await program('systemd-run', '#!/bin/sh\necho "Failed to connect to bus" >&2\nexit 1\n');
    await expect(jobs.ensureStarted(job('true'))).rejects.toThrow(/Failed to connect to bus/);
  });
});

async function hashOf(command: string): Promise<string> {
  const { createHash } = await import('node:crypto');
  return createHash('sha256').update(command).digest('hex');
}

/** Runs a script up to one of its lines, as if the host's shell had died there. */
async function runPrefix(line: string, lines: number): Promise<'ran' | 'end' | 'no whole command'> {
  const text = line.slice("/bin/sh -c '".length, -1).replaceAll(`'\\''`, "'").split('\n');
  if (lines > text.length) return 'end';
  const prefix = text.slice(0, lines).join('\n');
  const env = { HOME: home, PATH: join(home, 'bin') };
  const whole = await exitCode(spawn('/bin/sh', ['-n', '-c', prefix], { env, stdio: 'ignore' }));
  if (whole !== 0) return 'no whole command';
  await exitCode(spawn('/bin/sh', ['-c', prefix], { env, stdio: 'ignore' }));
  return 'ran';
}

function exitCode(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve) => child.on('close', resolve));
}

/** Follows the job in a process of its own, which is killed after some chunks; gives what it had heard. */
async function followAndDie(): Promise<{ log: string; nextOffset: number }> {
  const setup = {
    port: String(server.port),
    privateKey: clientKey.privateKey,
    fingerprint: hostKey.fingerprint,
    id: 'upgrade-1',
  };
  const script = new URL('clients-follow-child.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    env: { ...process.env, FOLLOW: JSON.stringify(setup) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = exitCode(child);
  let log = '';
  let nextOffset = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const chunk = JSON.parse(line) as { log: string; nextOffset: number };
    log += chunk.log;
    nextOffset = chunk.nextOffset;
    if (nextOffset > 3_000) {
      child.kill('SIGKILL');
      break;
    }
  }
  await ended;
  return { log, nextOffset };
}
