import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ExitCode } from '../terminal.ts';

const LAB = fileURLToPath(new URL('../../../lab/main.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

/** Starts the simulated cluster as a process of its own; Ctrl-C reaches it through the terminal. */
export async function lab(args: readonly string[]): Promise<ExitCode> {
  const child = spawn(process.execPath, ['--import', TSX, LAB, ...args], { stdio: 'inherit' });
  const stayAlive = (): void => undefined;
  const forward = (): void => void child.kill('SIGTERM');
  process.on('SIGINT', stayAlive);
  process.on('SIGTERM', forward);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code === 0 || code === null ? 0 : code === 2 ? 2 : 1;
  } finally {
    process.off('SIGINT', stayAlive);
    process.off('SIGTERM', forward);
  }
}
