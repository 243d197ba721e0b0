import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HostShell } from '../../activities/deps.ts';
import { isPassing } from '../../activities/guard.ts';
import { smallSite } from '../../lab/index.ts';
import type { FaultPoint, FaultVerdict } from '../../lab/index.ts';
import { labActivities, type LabActivities } from '../helpers/lab-activities.ts';

let at: LabActivities;
const undo: (() => void)[] = [];

beforeAll(async () => {
  const site = smallSite({ qdevice: true });
  at = await labActivities({ ...site, guests: site.guests.map((guest) => ({ ...guest, sshd: false })) });
});
afterEach(() => {
  for (const step of undo.splice(0)) step();
});
afterAll(async () => {
  expect(at.lab.schemaViolations).toEqual([]);
  await at.close();
});

interface Outcome extends Error {
  readonly type?: string;
  readonly outcome?: string;
}

async function failureOf(call: Promise<unknown>): Promise<Outcome> {
  const error: unknown = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  return error as Outcome;
}

function fault(decide: (point: FaultPoint) => FaultVerdict | undefined): void {
  undo.push(at.lab.faults.add(decide));
}

/** Prints every byte that there is. */
const EVERY_BYTE = `i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i + 1)); done`;
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');

describe.each([
  ['a container, by pct exec on its node', 'ct-1', 101],
  ['a VM, by its guest agent', 'vm-1', 201],
] as const)('the shell of %s', (_name, host, vmid) => {
  const shell = (): HostShell => at.deps.hostShell(host);

  it('gives output, errors and exit code of a command apart', async () => {
    expect(await shell().exec('echo out; echo err >&2; exit 3')).toEqual({
      code: 3,
      signal: undefined,
      stdout: 'out\n',
      stderr: 'err\n',
      truncated: false,
    });
  });

  it('is that of the guest, and begins at home', async () => {
    const { stdout } = await shell().exec('hostname; test "$PWD" = "$HOME" && echo home');
    expect(stdout).toBe(`${host}\nhome\n`);
  });

  it('changes no byte of the output', async () => {
    const { stdout, stderr } = await shell().exec(`${EVERY_BYTE}; { ${EVERY_BYTE}; } >&2`, { encoding: 'latin1' });
    expect(stdout).toBe(everyByte);
    expect(stderr).toBe(everyByte);
  });

  it('changes no character of the command and of its input', async () => {
    const text = `Grüße, 'wörld' "$HOME" \\ \`x\` €😀`;
    const { stdout } = await shell().exec(`printf %s '${text.replaceAll("'", `'\\''`)}'; cat`, {
      stdin: `\n${text}\n`,
    });
    expect(stdout).toBe(`${text}\n${text}\n`);
  });

  it('closes the input of a command that gets none', async () => {
    expect(await shell().exec('cat; echo end')).toMatchObject({ stdout: 'end\n', code: 0 });
  });

  it('keeps beginning and end of output above the bound', async () => {
    const { stdout, truncated } = await shell().exec('seq 1 100000', { maxOutputBytes: 1_000 });
    expect(truncated).toBe(true);
    expect(stdout.length).toBeLessThan(1_100);
    expect(stdout).toMatch(/^1\n2\n[^]*\n100000\n$/);
  });

  it('runs several commands over one connection', async () => {
    const words = await shell().withConnection(async (connection) => [
      (await connection.exec('echo one')).stdout,
      (await connection.exec('echo two')).stdout,
    ]);
    expect(words).toEqual(['one\n', 'two\n']);
  });

  it('says of a command that takes too long that it may still run', async () => {
    const error = await failureOf(shell().exec('while :; do sleep 0.1; done', { timeoutMs: 300 }));
    expect(error.outcome).toBe('unknown');
    expect(error.message).toContain('It may still be running');
    expect(isPassing(error)).toBe(true);
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const reason = new Error('cancelled');
    const call = shell().exec('while :; do sleep 0.1; done', { signal: stop.signal });
    await expect.poll(async () => (await at.lab.guest(vmid).machine.exec('pgrep -c sh')).stdout.trim()).not.toBe('0');
    stop.abort(reason);
    expect(await failureOf(call)).toBe(reason);
  });

  it('runs a job to its end and loses nothing of its log', async () => {
    const jobs = at.deps.hostJobs(host);
    const id = `log-${host}`;
    const double = 'for n in 1 2 3 4 5 6 7 8 9; do cat bytes bytes >more; mv more bytes; done';
    const command = `cd; { ${EVERY_BYTE}; } >bytes; ${double}; cat bytes; seq -f 'ä %g' 1 9999; exit 7`;
    const job = { id, command, timeoutSeconds: 3_600, description: 'a long log' };
    expect(await jobs.ensureStarted(job)).toBe('started');
    let log = '';
    const end = await jobs.follow({ id, pollMs: 20, onChunk: (chunk) => void (log += chunk) });
    const lines = Array.from({ length: 9_999 }, (_, n) => `ä ${n + 1}\n`).join('');
    expect(end).toMatchObject({ state: 'finished', exitCode: 7, nextOffset: 256 * 512 + Buffer.byteLength(lines) });
    expect(log.endsWith(lines)).toBe(true);
    expect(await jobs.ensureStarted(job)).toBe('finished');
  });

  it('follows the guest to another node', async () => {
    const guest = at.lab.guest(vmid);
    undo.push(() => (guest.node = 'pve1'));
    expect((await shell().exec('hostname')).stdout).toBe(`${host}\n`);
    guest.node = 'pve2';
    expect((await shell().exec('hostname')).stdout).toBe(`${host}\n`);
  });

  it('is to be asked again while the guest is off', async () => {
    const { machine } = at.lab.guest(vmid);
    machine.powerCut('test');
    const error = await failureOf(shell().exec('true'));
    expect(error).toMatchObject({ type: 'GuestShellUnreachable', outcome: 'retryable' });
    machine.powerOn();
    await expect.poll(() => machine.power).toBe('on');
    expect((await shell().exec('echo up')).stdout).toBe('up\n');
  });
});

describe('pct exec', () => {
  const shell = (): HostShell => at.deps.hostShell('ct-1');

  it('is not taken to have failed by a command that uses its words', async () => {
    const line = `echo "Configuration file 'nodes/pve1/lxc/101.conf' does not exist" >&2; exit 255`;
    expect(await shell().exec(line)).toMatchObject({ code: 255 });
  });

  it('is refused where the nodes let nobody run it, and says who should log in', async () => {
    fault((point) =>
      point.at === 'command' && point.name === 'pct' && point.phase === 'before'
        ? { do: 'error', status: 255, reason: 'please run as root' }
        : undefined,
    );
    const error = await failureOf(shell().exec('true'));
    expect(error).toMatchObject({ type: 'GuestShellRefused', outcome: 'refused' });
    expect(error.message).toContain('cluster.ssh.user');
  });
});

describe('the guest agent', () => {
  const shell = (): HostShell => at.deps.hostShell('vm-1');
  const onStatus = (point: FaultPoint) => point.at === 'api' && point.path.endsWith('/agent/exec-status');

  it('is to be asked again while it does not run', async () => {
    const { agent } = at.lab.guest(201);
    undo.push(() => (agent.running = true));
    agent.running = false;
    const error = await failureOf(shell().exec('true'));
    expect(error).toMatchObject({ outcome: 'retryable', message: expect.stringContaining('is not running') as string });
  });

  it('leaves a command unknown that it has forgotten, for it was restarted', async () => {
    const before = looks();
    const call = failureOf(shell().exec('while :; do sleep 0.1; done'));
    await expect.poll(looks).toBeGreaterThan(before);
    at.lab.guest(201).agent.restart();
    expect(await call).toMatchObject({ type: 'GuestShellLost', outcome: 'unknown' });
  });

  it('leaves a command unknown whose end was told to nobody', async () => {
    let told = false;
    fault((point) => {
      if (!onStatus(point) || point.at !== 'api' || point.phase !== 'after' || told) return undefined;
      told = true;
      return { do: 'drop' };
    });
    expect(await failureOf(shell().exec('true'))).toMatchObject({ type: 'GuestShellLost', outcome: 'unknown' });
  });

  it('is waited for while it is too busy to answer', async () => {
    let left = 3;
    fault((point) => {
      if (!onStatus(point) || left-- <= 0) return undefined;
      return { do: 'error', reason: "VM 201 qmp command 'guest-exec-status' failed - got timeout" };
    });
    expect(await shell().exec('echo done')).toMatchObject({ code: 0, stdout: 'done\n' });
  });

  it.each([
    ['No QEMU guest agent configured', 'qm set'],
    ["VM 201 qmp command 'guest-exec' failed - Command guest-exec has been disabled", 'Allow guest-exec'],
  ])('is refused with what to do: %s', async (reason, remedy) => {
    fault((point) =>
      point.at === 'api' && point.path.endsWith('/agent/exec') && point.phase === 'before'
        ? { do: 'error', reason }
        : undefined,
    );
    const error = await failureOf(shell().exec('true'));
    expect(error).toMatchObject({ outcome: 'refused', message: expect.stringContaining(remedy) as string });
  });

  it('gets no command that no program could take', async () => {
    expect(await failureOf(shell().exec(`: ${'x'.repeat(131_072)}`))).toMatchObject({
      type: 'GuestShellRefused',
      message: expect.stringContaining('too long for the guest agent') as string,
    });
    expect(await failureOf(shell().exec('cat', { stdin: 'x'.repeat(65_536) }))).toMatchObject({
      type: 'GuestShellRefused',
    });
  });
});

/** How often the agent was asked after a command. */
function looks(): number {
  return at.lab.log
    .of('api.request')
    .filter(({ detail }) => typeof detail['path'] === 'string' && detail['path'].endsWith('/agent/exec-status')).length;
}
