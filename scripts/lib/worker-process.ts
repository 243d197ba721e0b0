import { spawn, type Serializable } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The worker that people run. */
export const WORKER = 'workers/main.ts';

/** The worker ended before it could work. The message holds its own words. */
export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError';
}

export interface WorkerProcessOptions {
  /** Program below the project's root, or anywhere, which says `ready` once it polls. TypeScript runs through tsx. */
  readonly program?: string;
  readonly args?: readonly string[];
  /** Added to its environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Hears everything else that the program says. */
  readonly onMessage?: (message: unknown, worker: WorkerProcess) => void;
}

/** A maintenance worker in a process of its own. */
export interface WorkerProcess {
  readonly pid: number;
  /** What it has printed so far. */
  output(): string;
  /** Resolves when the process has ended, by whatever cause. */
  readonly ended: Promise<void>;
  /** Says something to a program that listens, such as a worker of the tests. */
  send(message: Serializable): void;
  /** Sends a signal and waits until the process is gone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/**
 * Starts a worker and waits until it polls.
 *
 * @param env Environment of the worker: `CARETAKER_CONFIG`, secrets, `TEMPORAL_*`.
 * @throws {WorkerStartError} when it ends before that.
 */
export async function startWorkerProcess(
  env: NodeJS.ProcessEnv,
  { program = WORKER, args = [], env: more, onMessage }: WorkerProcessOptions = {},
): Promise<WorkerProcess> {
  const loader = program.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const child = spawn(process.execPath, [...loader, program, ...args], {
    cwd: ROOT,
    env: { ...env, ...more },
    // A group of its own: Ctrl-C reaches the parent alone, which ends the worker in its turn.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  // A worker must not outlive the one who started it, however that one ends.
  const killWithParent = () => child.kill('SIGKILL');
  process.once('exit', killWithParent);
  let output = '';
  const collect = (data: Buffer) => {
    output += data.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const ended = once(child, 'exit').then(() => {
    process.removeListener('exit', killWithParent);
  });
  const worker: WorkerProcess = {
    pid: child.pid ?? 0,
    output: () => output,
    ended,
    send(message) {
      // One that has just been killed does not hear it.
      if (child.connected) child.send(message, () => undefined);
    },
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
  const ready = new Promise<true>((resolve) => {
    child.on('message', (message) => {
      if (message === 'ready') resolve(true);
      else onMessage?.(message, worker);
    });
  });
  if (!(await Promise.race([ready, ended.then(() => false)])))
    throw new WorkerStartError(`The worker could not start:\n${output.trim() || 'It ended at once, without a word.'}`);
  return worker;
}
