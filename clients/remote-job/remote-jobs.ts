import { createHash } from 'node:crypto';
import { pause } from '../pause.ts';
import type { ExecResult, SshExec } from '../ssh/index.ts';
import { parseReply, wholeCharacters, type Reply } from './reply.ts';
import { readScript, startScript, stopScript, type JobPlace } from './scripts.ts';

export interface RemoteJobsOptions {
  /** Folder on the host for the jobs' files, absolute or below the home (`~/…`). */
  readonly stateDirectory: string;
  /** Bound of one chunk of log, bytes (default 64 KiB). */
  readonly chunkBytes?: number;
  /** Prefix of the unit's name (default `caretaker`). */
  readonly unitPrefix?: string;
}

export interface JobSpec {
  /** Names the work, not the attempt: letters, digits, `.`, `_`, `-`, at most 120. */
  readonly id: string;
  /** Text of a sh script. */
  readonly command: string;
  /** After this the host itself ends the job. */
  readonly timeoutSeconds: number;
  readonly description: string;
}

/**
 * - `running`, `finished`: as they say.
 * - `killed`: it ended without an exit code while the host stayed up (killed, or timed out).
 * - `lost-to-reboot`: the host was booted since; the job is gone, wherever it was.
 * - `absent`: never started here.
 */
export type JobState = 'running' | 'finished' | 'killed' | 'lost-to-reboot' | 'absent';

export interface JobProgress {
  readonly state: JobState;
  /** With `finished` only. */
  readonly exitCode: number | undefined;
  /** Output (stdout and stderr in order) from the offset asked for, bounded. */
  readonly log: string;
  /** Bytes; where the next read goes on. */
  readonly nextOffset: number;
  /** Bytes of output there are now. */
  readonly logSize: number;
  /** Of the host, now. */
  readonly bootId: string;
}

export interface JobEnd {
  readonly state: Exclude<JobState, 'running'>;
  readonly exitCode: number | undefined;
  readonly nextOffset: number;
  readonly bootId: string;
}

export interface FollowJobOptions {
  readonly id: string;
  readonly fromOffset?: number;
  readonly signal?: AbortSignal;
  /** Called with each chunk in order, and with '' after a poll without news, so that it can heartbeat. */
  readonly onChunk?: (log: string, nextOffset: number) => void;
  /** Milliseconds between polls (default 2 s); the end of a job is known sooner where the host can wait for it. */
  readonly pollMs?: number;
}

export interface RemoteJobs {
  /**
   * Starts the job unless it was started before, then says how it stands: `started` by this call, `running` or
   * `finished` from an earlier one. A job that was killed or lost to a reboot is not started again: `read` tells which.
   */
  ensureStarted(job: JobSpec): Promise<'started' | Exclude<JobState, 'absent'>>;
  read(options: { readonly id: string; readonly offset?: number }): Promise<JobProgress>;
  /** Reads until the job has ended and all its output is delivered. Connection failures are thrown as `SshError`. */
  follow(options: FollowJobOptions): Promise<JobEnd>;
  /**
   * Ends a running job with all its processes, by force after `graceMs` (default 10 s), and says how it stands then.
   * Does nothing if it does not run.
   */
  stop(options: { readonly id: string; readonly graceMs?: number; readonly pollMs?: number }): Promise<JobState>;
}

export type RemoteJobErrorType = 'RemoteJobConflict' | 'RemoteJobHost' | 'RemoteJobInvalid' | 'RemoteJobNoReply';

/**
 * `RemoteJobConflict`: another command under the same id. `RemoteJobHost`: the host cannot hold or start the job.
 * `RemoteJobNoReply`: the script died before its report, as when the host goes down; asking again is always safe.
 */
export class RemoteJobError extends Error {
  override readonly name = 'RemoteJobError';
  readonly type: RemoteJobErrorType;
  readonly outcome: 'refused' | 'retryable';

  constructor(type: RemoteJobErrorType, message: string) {
    super(message);
    this.type = type;
    this.outcome = type === 'RemoteJobNoReply' ? 'retryable' : 'refused';
  }
}

/** Something that opens a connection for several commands, as `SshClient` does. */
interface Connector extends SshExec {
  withConnection<T>(run: (connection: SshExec) => Promise<T>, options?: { signal?: AbortSignal }): Promise<T>;
}

/**
 * Jobs that run on a host by themselves: losing the connection, or this process, does not touch them, and asking for
 * the same id again finds the same job.
 */
export function createRemoteJobs(ssh: Connector, options: RemoteJobsOptions): RemoteJobs {
  const prefix = options.unitPrefix ?? 'caretaker';
  const chunkBytes = options.chunkBytes ?? 65_536;
  const place = (id: string): JobPlace => ({
    directory: `${options.stateDirectory}/${checkedId(id)}`,
    unit: `${prefix}-${id}`,
  });

  async function read(
    exec: SshExec,
    id: string,
    offset: number,
    { waitMs = 0, signal }: { waitMs?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<JobProgress> {
    const script = readScript({ ...place(id), offset, chunkBytes, waitMs });
    return progressOf(await run(exec, id, script, { logBytes: chunkBytes, waitMs, signal }), offset);
  }
  return {
    async ensureStarted(job) {
      const script = startScript({ ...place(job.id), ...job, hash: hashOf(job.command) });
      const { state } = await run(ssh, job.id, script);
      // A launch that has not begun yet is one all the same.
      return state === 'absent' ? 'started' : state;
    },
    read: ({ id, offset }) => read(ssh, id, offset ?? 0),
    follow: (follow) =>
      ssh.withConnection(
        (connection) => {
          const { id, signal } = follow;
          return followJob((offset, waitMs) => read(connection, id, offset, { waitMs, signal }), follow);
        },
        follow.signal === undefined ? {} : { signal: follow.signal },
      ),
    stop: ({ id, graceMs, pollMs }) =>
      ssh.withConnection(async (connection) => {
        const ask = async (force: boolean): Promise<JobState> =>
          jobState(await run(connection, id, stopScript({ ...place(id), force })));
        const isOver = async (): Promise<JobState> => (await read(connection, id, 0)).state;
        return await stopJob(ask, isOver, graceMs ?? 10_000, pollMs ?? 500);
      }),
  };
}

async function followJob(
  read: (offset: number, waitMs: number) => Promise<JobProgress>,
  { fromOffset = 0, onChunk, pollMs = 2_000, signal }: FollowJobOptions,
): Promise<JobEnd> {
  let offset = fromOffset;
  let waitMs = 0;
  for (;;) {
    const askedAt = Date.now();
    const progress = await read(offset, waitMs);
    offset = progress.nextOffset;
    onChunk?.(progress.log, offset);
    const { state, exitCode, bootId } = progress;
    const complete = offset >= progress.logSize;
    if (state !== 'running' && complete) return { state, exitCode, nextOffset: offset, bootId };
    // The host waits, so that the end of a job is known at once. One that cannot wait has answered already.
    const left = waitMs - (Date.now() - askedAt);
    if (left > 0) await pause(left, signal);
    waitMs = complete || progress.log === '' ? pollMs : 0;
  }
}

async function stopJob(
  ask: (force: boolean) => Promise<JobState>,
  look: () => Promise<JobState>,
  graceMs: number,
  pollMs: number,
): Promise<JobState> {
  let state = await ask(false);
  for (let waited = 0; state === 'running' && waited < graceMs; waited += pollMs) {
    await pause(pollMs);
    state = await look();
  }
  return state === 'running' ? await ask(true) : state;
}

/** Keeps a character that is cut at the end of a chunk for the next one, unless nothing more will come. */
function progressOf(reply: Reply, offset: number): JobProgress {
  const last = reply.state !== 'running' && offset + reply.log.length >= reply.logSize;
  const bytes = last ? reply.log.length : wholeCharacters(reply.log);
  return {
    state: jobState(reply),
    exitCode: reply.exitCode,
    log: reply.log.subarray(0, bytes).toString('utf8'),
    nextOffset: offset + bytes,
    logSize: Math.max(reply.logSize, offset + reply.log.length),
    bootId: reply.bootId,
  };
}

function jobState(reply: Reply): JobState {
  return reply.state === 'started' ? 'running' : reply.state;
}

const replyTimeoutMs = 60_000;
// Room for the lines before the log.
const headBytes = 8_192;

interface RunOptions {
  readonly logBytes?: number;
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

async function run(exec: SshExec, id: string, line: string, options: RunOptions = {}): Promise<Reply> {
  const { logBytes = 0, waitMs = 0, signal } = options;
  const result = await exec.exec(line, {
    timeoutMs: replyTimeoutMs + waitMs,
    maxOutputBytes: 2 * (logBytes + headBytes),
    encoding: 'latin1',
    ...(signal === undefined ? {} : { signal }),
  });
  const reply = parseReply(result.stdout);
  if (reply === undefined) throw noReplyError(id, result);
  if (reply.problem === 'conflict') {
    const message = `Job ${id} was started on the host with another command. Give the new work an id of its own.`;
    throw new RemoteJobError('RemoteJobConflict', message);
  }
  if (reply.problem === 'error') {
    const message = `The host could not start job ${id}: ${reply.message}. Make the state directory writable, or see 'systemctl status'.`;
    throw new RemoteJobError('RemoteJobHost', message);
  }
  return reply;
}

function noReplyError(id: string, result: ExecResult): RemoteJobError {
  const words = (result.stderr || result.stdout).trim().slice(0, 500);
  const end = result.signal ?? `exit code ${result.code ?? 'none'}`;
  const message =
    `The host gave no report about job ${id} (${end}) ${words}. Ask again when the host is up; if it stays so, check ` +
    `that the user's login prints nothing and can run /bin/sh.`;
  return new RemoteJobError('RemoteJobNoReply', message);
}

function hashOf(command: string): string {
  return createHash('sha256').update(command).digest('hex');
}

/** The id becomes the name of a folder and of a systemd unit. */
function checkedId(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/.test(id)) return id;
  const message = `'${id}' is no job id. Use letters, digits, '.', '_' and '-', at most 120, starting with a letter or digit.`;
  throw new RemoteJobError('RemoteJobInvalid', message);
}
