import { execFileSync } from 'node:child_process';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { locateTestServer } from '../../scripts/temporal/locate.ts';
import type {} from './provided.ts';
import { oncePerRun } from './once.ts';

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/caretaker/', import.meta.url));
const NAME = 'temporal-test-server';

/**
 * Finds the time-skipping server once, so that no test file waits for a download, and ends the servers of test
 * processes that died without tidying up. The SDK starts the servers, so each notes its own pid on the way.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { path } = await oncePerRun('test-server', () => locateTestServer());
  const folder = join(CACHE, `test-servers-${process.pid}`);
  await mkdir(folder, { recursive: true });
  const launcher = join(folder, NAME);
  const script = `#!/bin/sh\necho > "$(dirname "$0")/$$.pid"\nexec '${path.replaceAll("'", `'\\''`)}' "$@"\n`;
  await writeFile(launcher, script, { mode: 0o755 });
  project.provide('testServerPath', launcher);
  return async () => {
    const pids = (await readdir(folder)).filter((file) => file.endsWith('.pid'));
    for (const file of pids) endServer(Number(basename(file, '.pid')));
    await rm(folder, { recursive: true, force: true });
  };
}

/** Looks at the command first: by now the number may belong to another program. */
function endServer(pid: number): void {
  try {
    const command = execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
    if (command.includes(NAME)) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended, as it should have.
  }
}
