import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Another process holds what only one may have. The message names it and what to do. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
}

/**
 * Writes this process into `file`, unless a process that is still alive stands there.
 *
 * @param what subject of the error's sentence, such as `The lab`
 * @returns gives the place up again
 * @throws {AlreadyRunningError}
 */
export function claim(file: string, what: string): () => void {
  const holder = readHolder(file);
  if (holder !== undefined && holder !== process.pid && isAlive(holder)) {
    throw new AlreadyRunningError(
      `${what} is already running, as process ${holder}. Use that one, or end it with Ctrl-C and try again. (If process ${holder} is something else, remove ${file}.)`,
    );
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, String(process.pid));
  return () => {
    if (readHolder(file) === process.pid) rmSync(file, { force: true });
  };
}

function readHolder(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
