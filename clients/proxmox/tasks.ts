import { pause } from '../pause.ts';
import { ProxmoxError } from './errors.ts';
import type { RawCalls } from './failover.ts';
import { taskListings } from './listings.ts';
import type { TaskListing } from './types.ts';
import { parseUpid } from './upid.ts';
import { count, list, optionalText, record } from './wire.ts';

export interface TaskPace {
  /** Milliseconds. */
  readonly taskPoll: number;
}

export interface TaskResult {
  /** `lost`: the task died without a last word (killed, or its node went down); its effect is unknown. */
  readonly status: 'ok' | 'warnings' | 'failed' | 'lost';
  /** `OK`, `WARNINGS: n`, `unexpected status`, or the error's text. */
  readonly exitstatus: string;
  /** Number of warnings; 0 unless `status` is `warnings`. */
  readonly warnings: number;
  /** The last lines of the log. */
  readonly log: readonly string[];
}

export interface FollowOptions {
  readonly signal?: AbortSignal;
  /** Called with each new line of the log, in order. */
  readonly onLog?: (line: string) => void;
  /** Milliseconds between polls. */
  readonly pollMs?: number;
  /** Milliseconds during which a node that does not answer is waited for (default 10 minutes). */
  readonly tolerateUnreachableMs?: number;
}

export interface TaskHandle {
  readonly upid: string;
  /** Waits for the end of the task. A failed task is a result, not an error. */
  follow(options?: FollowOptions): Promise<TaskResult>;
  /** `DELETE /nodes/{node}/tasks/{upid}` */
  stop(): Promise<void>;
}

export interface TaskSearch {
  readonly node: string;
  /** Task type such as `qmigrate`, `vzmigrate`, `qmstart`, `aptupdate`. */
  readonly type: string;
  /** What the task is about: the vmid for guest tasks, `''` for tasks of the node. Left out: any. */
  readonly id?: string;
}

export interface StartTaskOptions extends TaskSearch {
  /** Sends the call that starts the task and returns its UPID. */
  readonly post: () => Promise<string>;
}

export interface TaskCalls {
  task(upid: string): TaskHandle;
  /**
   * Starts a task so that a lost answer starts no second one: if the outcome of `post` is unknown, looks for a task of
   * that node, type and id that was not there before, and returns it. Throws the `unknown` error only if none is found.
   */
  startTask(options: StartTaskOptions): Promise<string>;
  /** UPID of a running task, the newest if there are several. */
  findRunningTask(search: TaskSearch): Promise<string | undefined>;
}

const logTail = 50;
const logPage = 500;
const searchRounds = 5;
// A restarting pve-cluster lets a good token be refused for a while; a bad one is refused for ever.
const unauthorizedTolerance = 60_000;

export function createTaskCalls(calls: RawCalls, pace: TaskPace): TaskCalls {
  return {
    task: (upid) => ({
      upid,
      follow: (options) => follow(calls, pace, upid, options ?? {}),
      stop: async () => {
        await calls.delete(taskPath(upid));
      },
    }),
    startTask: (options) => startTask(calls, pace, options),
    findRunningTask: async (search) => (await listTasks(calls, search, 'active')).find((task) => task.running)?.upid,
  };
}

function taskPath(upid: string): string {
  const parsed = parseUpid(upid);
  if (parsed === undefined) throw new Error(`'${upid}' is not a task id. Pass the UPID as the node returned it.`);
  return `/nodes/${parsed.node}/tasks/${encodeURIComponent(upid)}`;
}

/** Newest first. */
async function listTasks(calls: RawCalls, search: TaskSearch, source: 'active' | 'all'): Promise<TaskListing[]> {
  const byVmid = search.id !== undefined && /^\d+$/.test(search.id) ? { vmid: search.id } : {};
  const filter = { source, typefilter: search.type, ...byVmid };
  // An id that is no vmid cannot be asked for, and `typefilter` does not promise an exact match.
  return (await calls.read(`/nodes/${search.node}/tasks`, taskListings, filter))
    .filter((task) => task.type === search.type && (search.id === undefined || task.id === search.id))
    .sort((a, b) => b.startTime - a.startTime);
}

async function startTask(calls: RawCalls, pace: TaskPace, options: StartTaskOptions): Promise<string> {
  const before = new Set((await listTasks(calls, options, 'all')).map((task) => task.upid));
  try {
    return await options.post();
  } catch (error) {
    if (!(error instanceof ProxmoxError) || error.outcome !== 'unknown') throw error;
    const found = await findNewTask(calls, pace, options, before);
    if (found !== undefined) return found;
    throw error;
  }
}

/** A worker that took the call may need a moment to register its task. */
async function findNewTask(
  calls: RawCalls,
  pace: TaskPace,
  search: TaskSearch,
  before: ReadonlySet<string>,
): Promise<string | undefined> {
  for (let round = 0; round < searchRounds; round += 1) {
    if (round > 0) await pause(pace.taskPoll, calls.signal);
    const fresh = await newTasks(calls, search, before);
    const task = fresh.find((candidate) => candidate.running) ?? fresh[0];
    if (task !== undefined) return task.upid;
  }
  return undefined;
}

async function newTasks(calls: RawCalls, search: TaskSearch, before: ReadonlySet<string>): Promise<TaskListing[]> {
  try {
    return (await listTasks(calls, search, 'all')).filter((task) => !before.has(task.upid));
  } catch (error) {
    if (isPassing(error)) return [];
    throw error;
  }
}

async function follow(calls: RawCalls, pace: TaskPace, upid: string, options: FollowOptions): Promise<TaskResult> {
  const path = taskPath(upid);
  const signal = joinSignals(calls.signal, options.signal);
  const scoped = calls.withSignal(signal);
  const log = createLogReader(scoped, path, options.onLog);
  const tolerance = options.tolerateUnreachableMs ?? 600_000;
  let failingSince: number | undefined;
  for (;;) {
    try {
      const { running, exitstatus } = await scoped.read(`${path}/status`, taskStatus);
      if (!running) return await finish(log, exitstatus);
      if (options.onLog !== undefined) await log.read();
      failingSince = undefined;
    } catch (error) {
      if (isNoSuchTask(error)) return { status: 'lost', exitstatus: 'no such task', warnings: 0, log: log.tail() };
      if (!isPassing(error)) throw error;
      failingSince ??= Date.now();
      const limit = isUnauthorized(error) ? Math.min(tolerance, unauthorizedTolerance) : tolerance;
      if (Date.now() - failingSince >= limit) throw error;
    }
    await pause(options.pollMs ?? pace.taskPoll, signal);
  }
}

function taskStatus(data: unknown): { running: boolean; exitstatus: string } {
  const raw = record(data, 'task status');
  return { running: raw['status'] === 'running', exitstatus: optionalText(raw['exitstatus']) ?? 'unexpected status' };
}

async function finish(log: LogReader, exitstatus: string): Promise<TaskResult> {
  await log.read().catch(ignorePassing);
  const warnings = /^WARNINGS: (\d+)$/.exec(exitstatus);
  if (exitstatus === 'OK') return { status: 'ok', exitstatus, warnings: 0, log: log.tail() };
  if (warnings !== null) return { status: 'warnings', exitstatus, warnings: Number(warnings[1]), log: log.tail() };
  const lost = exitstatus === 'unexpected status' || exitstatus.startsWith('unable to get last line');
  return { status: lost ? 'lost' : 'failed', exitstatus, warnings: 0, log: log.tail() };
}

interface LogReader {
  read(): Promise<void>;
  tail(): readonly string[];
}

/** Reads the log from where it stopped, page by page, since the server gives 50 lines unless asked for more. */
function createLogReader(calls: RawCalls, path: string, onLog: ((line: string) => void) | undefined): LogReader {
  let next = 0;
  let tail: string[] = [];
  async function readPage(): Promise<number> {
    const lines = await calls.read(`${path}/log`, logLines, { start: next, limit: logPage });
    // An empty log is shown as one line with this text, in the place the first real line will take.
    const real = lines.filter((line) => line.n > next && line.t !== 'no content');
    for (const line of real) onLog?.(line.t);
    tail = [...tail, ...real.map((line) => line.t)].slice(-logTail);
    next = real.at(-1)?.n ?? next;
    return real.length;
  }
  return {
    async read() {
      while ((await readPage()) === logPage);
    },
    tail: () => tail,
  };
}

function logLines(data: unknown): readonly { n: number; t: string }[] {
  return list(data, 'task log').map((line) => ({ n: count(line['n']) ?? 0, t: optionalText(line['t']) ?? '' }));
}

function isPassing(error: unknown): boolean {
  return error instanceof ProxmoxError && (error.outcome === 'retryable' || isUnauthorized(error));
}

function isUnauthorized(error: unknown): boolean {
  return error instanceof ProxmoxError && error.type === 'ProxmoxUnauthorized';
}

function isNoSuchTask(error: unknown): boolean {
  return error instanceof ProxmoxError && error.status === 400 && error.errors?.['upid'] !== undefined;
}

function ignorePassing(error: unknown): void {
  if (!isPassing(error)) throw error;
}

function joinSignals(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return AbortSignal.any([a, b]);
}
