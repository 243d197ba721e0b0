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
    await mkdir(join(archives, 'partial'), { recursive: true });
    const settings = [`Dir::Cache::archives=${archives}`, 'APT::Sandbox::User=root', 'Debug::NoLocking=1'];
    await run(['apt-get', '-qq', 'update']);
    await run([
      'apt-get',
      ...['-qq', '-y', '--download-only', '--reinstall', '--no-install-recommends'],
      ...settings.flatMap((setting) => ['-o', setting]),
      'install',
      ...PACKAGES,
    ]);
    for (const name of await readdir(archives)) {
      if (name.endsWith('.deb')) await run(['dpkg-deb', '-x', join(archives, name), temporary]);
    }
    await rm(archives, { recursive: true });
  });
  return directory;
}
