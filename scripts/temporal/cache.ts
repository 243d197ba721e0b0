import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Where things of one kind are kept that take long to obtain, by the rules of each system: `~/Library/Caches` on macOS,
 * else `$XDG_CACHE_HOME` or `~/.cache` (XDG Base Directory Specification).
 */
export function cacheDirectory(env: NodeJS.ProcessEnv, platform: NodeJS.Platform, kind: 'temporal' | 'real'): string {
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'caretaker', kind);
  const home = env.HOME ?? homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'caretaker', kind);
  return join(home, '.cache', 'caretaker', kind);
}

/**
 * Fills a directory and puts it in place in one rename, so that a download that is cut short leaves nothing that looks
 * complete, and of two processes that download at the same time the second takes the work of the first.
 */
export async function fillAtomically(directory: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${directory}.${randomUUID()}.tmp`;
  await mkdir(dirname(directory), { recursive: true });
  await mkdir(temporary);
  try {
    await fill(temporary);
    await rename(temporary, directory).catch(acceptExisting);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function acceptExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
}
