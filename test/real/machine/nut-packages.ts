import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, fillAtomically } from '../../../scripts/temporal/cache.ts';
import { run } from './run.ts';

/** Counts up when the way in which the folder is made changes. */
const VERSION = 1;
/** libnss3-tools makes the certificates that Debian's upsd reads. */
const PACKAGES = ['nut-server', 'nut-client', 'libnss3-tools'];

/**
 * A folder with the NUT of this machine's own apt sources, unpacked and not installed: no daemon is started, and one that
 * runs here is left alone. Made once and kept in the cache.
 */
export async function ensureNut(): Promise<string> {
  const system = await readFile('/etc/os-release', 'utf8');
  const key = createHash('sha256')
    .update(JSON.stringify([VERSION, PACKAGES, system, process.arch]))
    .digest('hex')
    .slice(0, 16);
  const directory = join(cacheDirectory(process.env, process.platform, 'real'), `nut-${key}`);
  if (existsSync(directory)) return directory;
  process.stderr.write('Fetching the packages of NUT for the tests with a real UPS server, once.\n');
  await fillAtomically(directory, async (temporary) => {
    const archives = join(temporary, 'archives');
    for (const file of await download(archives, ['--reinstall', ...PACKAGES])) {
      await run(['dpkg-deb', '-x', file, temporary]);
    }
    await rm(archives, { recursive: true });
  });
  return directory;
}

/**
 * The archives that a host booted from `debian` lacks for the package nut-client, itself among them. Fetched once and kept
 * in the cache.
 */
export async function ensureNutClientArchives(debian: string): Promise<readonly string[]> {
  const directory = `${debian}-nut-client`;
  if (!existsSync(directory)) {
    await fillAtomically(directory, async (temporary) => {
      await download(temporary, ['-o', `Dir::State::status=${debian}/var/lib/dpkg/status`, 'nut-client']);
    });
  }
  return archivesIn(directory);
}

/** Fetches packages with what they need into a folder, and gives the files. */
async function download(folder: string, what: readonly string[]): Promise<readonly string[]> {
  await mkdir(join(folder, 'partial'), { recursive: true });
  const settings = [`Dir::Cache::archives=${folder}`, 'APT::Sandbox::User=root', 'Debug::NoLocking=1'];
  await run(['apt-get', '-qq', 'update']);
  await run([
    'apt-get',
    ...['-qq', '-y', '--download-only', '--no-install-recommends'],
    ...settings.flatMap((setting) => ['-o', setting]),
    'install',
    ...what,
  ]);
  return archivesIn(folder);
}

async function archivesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.deb')).map((name) => join(folder, name));
}
