import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The worker ended before it could work. The message holds its own words. */
export class WorkerStartError extends Error {
  override readonly name = 'WorkerStartError';
}

/** A maintenance worker in a process of its own. */
export interface WorkerProcess {
  readonly pid: number;
  /** What it has printed so far. */
  output(): string;
  /** Resolves when the process has ended, by whatever cause. */
  readonly ended: Promise<void>;
  /** Sends a signal and waits until the process is gone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/**
 * Starts a worker and waits until it polls.
 *
 * @param env Environment of the worker: `CARETAKER_CONFIG`, secrets, `TEMPORAL_*`.
 * @throws {WorkerStartError} when it ends before that.
 */
export async function startWorkerProcess(env: NodeJS.ProcessEnv): Promise<WorkerProcess> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'workers/main.ts'], {
    cwd: ROOT,
    env,
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
  const ready = once(child, 'message').then(() => true);
  if (!(await Promise.race([ready, ended.then(() => false)])))
    throw new WorkerStartError(`The worker could not start:\n${output.trim() || 'It ended at once, without a word.'}`);
  return {
    pid: child.pid ?? 0,
    output: () => output,
    ended,
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}
