import { constants } from 'node:os';
import { pause } from '../pause.ts';
import { isGuestGone, ProxmoxError, type AgentProcess, type GuestRef, type ProxmoxClient } from '../proxmox/index.ts';
import type { ExecOptions, ExecResult } from '../ssh/index.ts';
import { BoundedOutput } from '../ssh/output.ts';
import { GuestShellError } from './errors.ts';
import type { GuestShell } from './shell.ts';

export interface AgentShellOptions {
  readonly vmid: number;
  /** Where the VM is now; asked for each command, since guests move. */
  readonly find: (signal?: AbortSignal) => Promise<GuestRef>;
  readonly proxmox: Pick<ProxmoxClient, 'with'>;
  /** Milliseconds between two looks at a command, growing from the first to the second (default 100 to 1,000). */
  readonly poll?: { readonly first: number; readonly longest: number };
}

const defaultTimeoutMs = 60_000;
const defaultOutputBytes = 1024 * 1024;
/** Linux takes no single argument of 128 KiB or more. */
const maxArgument = 131_071;
/** Proxmox takes no more for stdin. */
const maxInput = 65_536;
const noBase64 = 'caretaker: no base64';

/**
 * A shell in a VM by its QEMU guest agent, which needs neither SSH nor a network in it. The agent gives output only at the
 * end of a command and tells of that once, so an answer that is lost leaves the outcome `unknown`, as does a command that
 * takes too long: it may run on. Failures of the API itself are thrown as `ProxmoxError`.
 */
export function createAgentShell(options: AgentShellOptions): GuestShell {
  const label = `VM ${options.vmid} (guest agent)`;
  const exec = (line: string, execOptions: ExecOptions = {}): Promise<ExecResult> =>
    execByAgent({ ...options, label }, line, execOptions);
  return {
    label,
    exec,
    withConnection: (run, { signal } = {}) =>
      run({
        exec: (line, execOptions = {}) => {
          const signals = [signal, execOptions.signal].filter((each) => each !== undefined);
          return exec(line, signals.length === 0 ? execOptions : { ...execOptions, signal: AbortSignal.any(signals) });
        },
      }),
  };
}

type Agent = AgentShellOptions & { readonly label: string };

async function execByAgent(agent: Agent, line: string, options: ExecOptions): Promise<ExecResult> {
  options.signal?.throwIfAborted();
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const over = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? over : AbortSignal.any([options.signal, over]);
  let begun = false;
  try {
    const input = options.stdin === undefined ? undefined : encodeInput(agent, options.stdin);
    const script = scriptFor(agent, line, input !== undefined);
    const guest = await agent.find(signal);
    begun = true;
    const pid = await start(agent, guest, script, input, signal);
    return readResult(agent, await awaitEnd(agent, guest, pid, signal), options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!over.aborted || error instanceof GuestShellError) throw error;
    const text = begun
      ? `the command did not end within ${timeoutMs} ms. It may still be running: look before running it again.`
      : `Proxmox did not say within ${timeoutMs} ms where the VM is. Nothing was run. Try again.`;
    throw new GuestShellError('GuestShellTimeout', begun ? 'unknown' : 'retryable', agent.label, text, error);
  }
}

/**
 * Line, input and output pass as base64, since what Proxmox makes of other characters than ASCII has changed. Output goes
 * through pipes: file 1 of the line is read by the second `base64`, file 2 by the first, its exit code by `$(...)`.
 */
function scriptFor({ label }: Agent, line: string, withInput: boolean): string {
  const inside = `cd\n${line}`;
  const script =
    `command -v base64 >/dev/null || { echo '${noBase64}'; exit 127; }\n` +
    'export HOME="${HOME:-/root}"\n' +
    `line=$(echo ${Buffer.from(inside).toString('base64')} | base64 -d)\n` +
    'exec 6>&1 7>&2\n' +
    `rc=$({ { { ${withInput ? 'base64 -d | ' : ''}/bin/sh -c "$line" 3>&- 5>&- 6>&- 7>&-; echo $? >&5; } ` +
    '2>&1 >&3 3>&- | base64 >&7; } 3>&1 | base64 >&6; } 5>&1)\n' +
    'exit "$rc"';
  if (Math.max(script.length, Buffer.byteLength(inside)) <= maxArgument) return script;
  const text = `the command is too long for the guest agent (${script.length} of ${maxArgument} bytes). Make it shorter.`;
  throw new GuestShellError('GuestShellRefused', 'refused', label, text);
}

function encodeInput({ label }: Agent, stdin: string): string {
  const input = Buffer.from(stdin).toString('base64');
  if (input.length <= maxInput) return input;
  const text = `stdin is too long for the guest agent (${input.length} of ${maxInput} bytes). Make it shorter.`;
  throw new GuestShellError('GuestShellRefused', 'refused', label, text);
}

async function start(
  agent: Agent,
  guest: GuestRef,
  script: string,
  input: string | undefined,
  signal: AbortSignal,
): Promise<number> {
  try {
    return await agent.proxmox.with({ signal }).agentExec(guest, ['/bin/sh', '-c', script], input);
  } catch (error) {
    throw error instanceof ProxmoxError ? startError(agent.label, error) : error;
  }
}

function startError(label: string, error: ProxmoxError): Error {
  const { reason } = error;
  if (isGuestGone(error) || /is not running/.test(reason)) {
    const text = `${reason}. Nothing was run. Try again when the VM runs and qemu-guest-agent in it.`;
    return new GuestShellError('GuestShellUnreachable', 'retryable', label, text, error);
  }
  if (/No QEMU guest agent configured/.test(reason)) {
    const text = `${reason}. Install qemu-guest-agent in the VM and enable it: qm set <vmid> --agent 1.`;
    return new GuestShellError('GuestShellRefused', 'refused', label, text, error);
  }
  if (/has been disabled|has not been found|not allowed/i.test(reason)) {
    const text = `${reason}. Allow guest-exec and guest-exec-status in the configuration of qemu-guest-agent in the VM.`;
    return new GuestShellError('GuestShellRefused', 'refused', label, text, error);
  }
  return error;
}

/** Looks until the command has ended. An agent that is slow to answer is asked again; one that has lost it is not. */
async function awaitEnd(agent: Agent, found: GuestRef, pid: number, signal: AbortSignal): Promise<AgentProcess> {
  const { first, longest } = agent.poll ?? { first: 100, longest: 1_000 };
  let guest = found;
  for (let delay = first; ; delay = Math.min(longest, delay * 2)) {
    await pause(delay, signal);
    try {
      const process = await agent.proxmox.with({ signal }).agentExecStatus(guest, pid);
      if (process.exited) return process;
    } catch (error) {
      if (!(error instanceof ProxmoxError)) throw error;
      // It moves with its memory, and the command in it.
      if (isGuestGone(error)) guest = await agent.find(signal);
      else if (error.outcome !== 'retryable' && !/is not running/.test(error.reason)) throw lost(agent.label, error);
    }
  }
}

function lost(label: string, error: ProxmoxError): GuestShellError {
  const text = `nobody can tell how the command ended (${error.reason}). It may have run: look before running it again.`;
  return new GuestShellError('GuestShellLost', 'unknown', label, text, error);
}

function readResult({ label }: Agent, process: AgentProcess, options: ExecOptions): ExecResult {
  if (process.stdout.startsWith(noBase64)) {
    const text = 'there is no base64 in the VM. Install coreutils.';
    throw new GuestShellError('GuestShellRefused', 'refused', label, text);
  }
  const limit = options.maxOutputBytes ?? defaultOutputBytes;
  const [stdout, stderr] = [process.stdout, process.stderr].map((text) => {
    const output = new BoundedOutput(limit);
    output.push(Buffer.from(text, 'base64'));
    return output;
  }) as [BoundedOutput, BoundedOutput];
  const encoding = options.encoding ?? 'utf8';
  return {
    code: process.signal === undefined ? process.exitCode : undefined,
    signal: nameOfSignal(process.signal),
    stdout: stdout.text(encoding),
    stderr: stderr.text(encoding),
    truncated: process.truncated || stdout.truncated || stderr.truncated,
  };
}

function nameOfSignal(number: number | undefined): string | undefined {
  if (number === undefined) return undefined;
  const [name] = Object.entries(constants.signals).find(([, value]) => value === number) ?? [];
  return name ?? `signal ${number}`;
}
