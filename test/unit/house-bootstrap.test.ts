import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder, writeFiles, writeScript } from '../helpers/folders.ts';

const BOOTSTRAP = fileURLToPath(new URL('../../scripts/bootstrap.mjs', import.meta.url));
const CARETAKER = fileURLToPath(new URL('../../scripts/caretaker.mjs', import.meta.url));
const LOCKFILE = JSON.stringify({
  packages: {
    '': { name: 'project' },
    'node_modules/left': { version: '1.0.0' },
    'node_modules/for-macos': { version: '2.0.0', optional: true },
  },
});
const RECORD = JSON.stringify({ packages: { 'node_modules/left': { version: '1.0.0' } } });

let root: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  root = await temporaryFolder();
  env = { ...process.env, PATH: `${join(root, 'bin')}:/usr/bin:/bin` };
  await writeFiles(root, { 'package-lock.json': LOCKFILE, 'record.json': RECORD });
});

/** An npm that installs as npm does: first it removes node_modules, and its record is the last thing it writes. */
async function fakeNpm(body: string): Promise<void> {
  await writeScript(root, 'bin/npm', `echo "$*" >> "${root}/npm.log"\n${body}`);
}

const INSTALLS = `
  [ -e installing ] && { echo "two at a time"; exit 1; }
  touch installing; rm -rf node_modules; sleep 0.3
  mkdir node_modules; cp record.json node_modules/.package-lock.json; rm installing`;

async function bootstrap(): Promise<{ code: number; output: string }> {
  const program = `const { bootstrap } = await import(${JSON.stringify(BOOTSTRAP)}); await bootstrap(${JSON.stringify(root)});`;
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `try { ${program} } catch (error) { console.log(error.message); process.exit(1); }`,
      ],
      { env },
    );
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

async function npmRuns(): Promise<number> {
  if (!existsSync(join(root, 'npm.log'))) return 0;
  return (await readFile(join(root, 'npm.log'), 'utf8')).trim().split('\n').length;
}

describe('the bootstrap', () => {
  it('installs what is missing once, and nothing the second time', async () => {
    await fakeNpm(INSTALLS);
    expect(await bootstrap()).toEqual({ code: 0, output: 'Installing packages (npm ci) ...\n' });
    expect(await bootstrap()).toEqual({ code: 0, output: '' });
    expect(await npmRuns()).toBe(1);
  });

  it('is content with packages that were installed by hand', async () => {
    await fakeNpm(INSTALLS);
    await writeFiles(root, { 'node_modules/.package-lock.json': RECORD });
    expect(await bootstrap()).toEqual({ code: 0, output: '' });
  });

  it('installs again when the lockfile has moved on', async () => {
    await fakeNpm(INSTALLS);
    await writeFiles(root, { 'node_modules/.package-lock.json': RECORD.replace('1.0.0', '0.9.0') });
    expect((await bootstrap()).code).toBe(0);
    expect(await npmRuns()).toBe(1);
  });

  it('lets only one of several processes install while the others wait', async () => {
    await fakeNpm(INSTALLS);
    const results = await Promise.all([bootstrap(), bootstrap(), bootstrap()]);
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(await npmRuns()).toBe(1);
  });

  it('takes over the lock of a process that was killed', async () => {
    await fakeNpm(INSTALLS);
    // No process has this number: it is above the largest that Linux and macOS give out.
    await writeFiles(root, { '.caretaker/install.lock/pid': '99999999' });
    expect((await bootstrap()).code).toBe(0);
  });

  it('says in one sentence that the registry cannot be reached', async () => {
    await fakeNpm('echo "npm error code ENOTFOUND" >&2; exit 1');
    const { code, output } = await bootstrap();
    expect(code).toBe(1);
    expect(output).toContain('The packages could not be downloaded: the npm registry cannot be reached.');
    expect(output).not.toContain('ENOTFOUND');
  });

  it("passes on npm's own words for any other failure, and leaves no lock behind", async () => {
    await fakeNpm('echo "npm error code EUSAGE: lock file is out of sync" >&2; exit 1');
    expect((await bootstrap()).output).toContain('npm error code EUSAGE: lock file is out of sync');
    expect(existsSync(join(root, '.caretaker', 'install.lock'))).toBe(false);
  });

  it('says that npm is not there', async () => {
    await mkdir(join(root, 'bin'));
    env.PATH = join(root, 'bin');
    expect((await bootstrap()).output).toContain('npm was not found. It comes with Node.js');
  });

  it('refuses a Node that is too old, by name of both versions', async () => {
    const program = `
      Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } });
      const { main } = await import(${JSON.stringify(BOOTSTRAP)});
      await main('scripts/never.ts', []);`;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
    await expect(run).rejects.toMatchObject({
      code: 1,
      stderr:
        'Caretaker needs Node.js 20.19 or newer, and this is 18.20.4. Install a current one from https://nodejs.org.\n',
    });
  });

  it('runs a TypeScript program with its arguments from any folder', async () => {
    await writeFiles(root, {
      'package.json': '{ "type": "module" }',
      'entry.ts': 'const words: string[] = process.argv.slice(2);\nconsole.log(words.join("+"), process.cwd());\n',
    });
    const { stdout } = await promisify(execFile)(process.execPath, [BOOTSTRAP, join(root, 'entry.ts'), 'a', '--b'], {
      cwd: '/',
    });
    expect(stdout).toBe('a+--b /\n');
  });

  it('gives the caretaker command through a link, as npm installs it', async () => {
    await symlink(CARETAKER, join(root, 'caretaker'));
    const { stdout } = await promisify(execFile)(join(root, 'caretaker'), ['--help'], { cwd: root });
    expect(stdout).toContain('caretaker');
  });
});
