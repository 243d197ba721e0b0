import { spawn } from 'node:child_process';

export interface RunResult {
  /** `null` when the program was ended by a signal or never started. */
  readonly code: number | null;
  /** Standard output and standard error, in the order they came, the last 64 KiB of them. */
  readonly output: string;
  readonly timedOut: boolean;
}

const OUTPUT_LIMIT = 64 * 1024;

/**
 * Runs a program to its end with a bound on time. It gets a process group of its own, so that what it started itself
 * ends with it. Never rejects: a program that cannot be started is a result with the reason as its output.
 */
export function runBounded(
  command: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; timeoutMs: number },
): Promise<RunResult> {
  return new Promise((resolve) => {
    let output = '';
    let timedOut = false;
    const child = spawn(command, args, { env: options.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const endGroup = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // The group is gone already, which is what was wanted.
      }
    };
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup();
    }, options.timeoutMs);
    process.once('exit', endGroup);

    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-OUTPUT_LIMIT);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);

    const finish = (code: number | null): void => {
      clearTimeout(timer);
      process.removeListener('exit', endGroup);
      resolve({ code, output: output.trim(), timedOut });
    };
    child.once('error', (error) => {
      output = error.message;
      finish(null);
    });
    child.once('close', (code) => {
      finish(code);
    });
  });
}
