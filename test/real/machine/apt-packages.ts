import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, fillAtomically } from '../../../scripts/temporal/cache.ts';
import { run } from './run.ts';

/** Counts up when the way in which a folder is made changes. */
const VERSION = 1;

interface Unpacked {
  /** Of the folder. */
  readonly name: string;
  /** What its packages are for, as somebody who waits is told. */
  readonly purpose: string;
  readonly packages: readonly string[];
}

/** libnss3-tools makes the certificates that Debian's upsd reads. */
const NUT: Unpacked = {
  name: 'nut',
  purpose: 'NUT for the tests with a real UPS server',
  packages: ['nut-server', 'nut-client', 'libnss3-tools'],
};
const IPMITOOL: Unpacked = {
  name: 'ipmitool',
  purpose: 'ipmitool for the tests with management controllers',
  packages: ['ipmitool'],
};

/** A folder with NUT. No daemon is started, and one that runs here is left alone. */
export function ensureNut(): Promise<string> {
  return ensureUnpacked(NUT);
}

/** The program ipmitool, which finds its libraries by itself. */
export async function ensureIpmitool(): Promise<string> {
  const program = 'run-ipmitool';
  const directory = await ensureUnpacked(IPMITOOL, async (temporary) => {
    const script = [
      '#!/bin/sh',
      'root=$(dirname "$0")',
      'for each in "$root"/usr/lib/*-linux-gnu; do LD_LIBRARY_PATH=$each${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}; done',
      'export LD_LIBRARY_PATH',
      'exec "$root/usr/bin/ipmitool" "$@"',
    ];
    await writeFile(join(temporary, program), `${script.join('\n')}\n`, { mode: 0o755 });
  });
  return join(directory, program);
}

/**
 * A folder with packages of this machine's own apt sources, unpacked and not installed. Made once and kept in the cache.
 */
async function ensureUnpacked(
  { name, purpose, packages }: Unpacked,
  finish: (temporary: string) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const system = await readFile('/etc/os-release', 'utf8');
  const key = createHash('sha256')
    .update(JSON.stringify([VERSION, packages, system, process.arch]))
    .digest('hex')
    .slice(0, 16);
  const directory = join(cacheDirectory(process.env, process.platform, 'real'), `${name}-${key}`);
  if (existsSync(directory)) return directory;
  process.stderr.write(`Fetching the packages of ${purpose}, once.\n`);
  await fillAtomically(directory, async (temporary) => {
    const archives = join(temporary, 'archives');
    for (const file of await download(archives, ['--reinstall', ...packages])) {
      await run(['dpkg-deb', '-x', file, temporary]);
    }
    await rm(archives, { recursive: true });
    await finish(temporary);
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
