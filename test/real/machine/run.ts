import { spawn, type StdioOptions } from 'node:child_process';

export interface RunOptions {
  readonly input?: string;
  /** Let people see what it prints, instead of keeping it. */
  readonly show?: boolean;
}

/** Runs a program to its end and gives its standard output; throws with all that it printed if it fails. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const [program = '', ...args] = argv;
  const output = options.show === true ? 'inherit' : 'pipe';
  const stdio: StdioOptions = [options.input === undefined ? 'ignore' : 'pipe', output, output];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio });
    let stdout = '';
    let all = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      all += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => (all += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else reject(new Error(`${argv.join(' ')} ended with ${signal ?? code}: ${all.trim()}`));
    });
    child.stdin?.end(options.input);
  });
}
