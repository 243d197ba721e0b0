import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, fillAtomically } from '../../../scripts/temporal/cache.ts';
import { run } from './run.ts';
import { ensureTools } from './tools.ts';

/** Counts up when the way in which the base is made changes. */
const VERSION = 1;
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'openssh-server'];
const NEEDLESS = ['/usr/share/man/*', '/usr/share/doc/*', '/usr/share/locale/*'];

/**
 * The files that all hosts start from: a minimal Debian with systemd, sshd and the packages asked for, of the release and
 * from the mirror that this machine's own apt uses. Made once and kept in the cache.
 */
export async function ensureDebian(more: readonly string[] = []): Promise<string> {
  const source = await ownSource();
  const packages = [...PACKAGES, ...more];
  const key = createHash('sha256')
    .update(JSON.stringify([VERSION, packages, source]))
    .digest('hex')
    .slice(0, 16);
  const directory = join(cacheDirectory(process.env, process.platform, 'real'), `debian-${key}`);
  if (existsSync(directory)) return directory;
  await ensureTools({ mmdebstrap: 'mmdebstrap' });
  process.stderr.write(`Making a Debian ${source.codename} for real hosts, once. This takes a minute or two.\n`);
  await fillAtomically(directory, async (temporary) => {
    await run([
      'mmdebstrap',
      '--quiet',
      '--mode=root',
      '--variant=minbase',
      '--format=directory',
      `--include=${packages.join(',')}`,
      '--dpkgopt=force-unsafe-io',
      ...NEEDLESS.map((path) => `--dpkgopt=path-exclude=${path}`),
      ...(await ownAptSettings()).map((setting) => `--aptopt=${setting}`),
      '--customize-hook=rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/apt.conf.d/99mmdebstrap',
      source.codename,
      temporary,
      `deb ${source.site} ${source.codename} main`,
    ]);
  });
  return directory;
}

/** Text of the `Packages` index of this machine's own mirror, as apt has it. */
export async function ownIndex(): Promise<string> {
  const { codename } = await ownSource();
  const file = async (): Promise<string> => {
    const wanted = ['Created-By: Packages', `Codename: ${codename}`, 'Component: main'];
    return (await run(['apt-get', 'indextargets', '--format', '$(FILENAME)', ...wanted])).split('\n')[0] ?? '';
  };
  if (!existsSync(await file())) await run(['apt-get', '-qq', 'update']);
  return run(['/usr/lib/apt/apt-helper', 'cat-file', await file()]);
}

/** Where this machine's own packages come from. Throws if apt has no source of its release. */
async function ownSource(): Promise<{ codename: string; site: string }> {
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  const targets = await run(['apt-get', 'indextargets', '--format', '$(CODENAME)|$(RELEASE)|$(COMPONENT)|$(SITE)']);
  const rows = targets.split('\n').map((line) => line.split('|'));
  const site = rows.find(([, release, component]) => release === codename && component === 'main')?.[3];
  if (codename === undefined || site === undefined) {
    throw new Error(`apt has no source for '${codename ?? 'this release'} main'. Add one to /etc/apt/sources.list.d.`);
  }
  return { codename, site };
}

/** Proxies and the like, without which the mirror may not be reached. */
async function ownAptSettings(): Promise<string[]> {
  const dump = await run(['apt-config', 'dump', '--no-empty']);
  return dump.split('\n').filter((line) => /^Acquire::(https?::|Check-|Retries)/i.test(line));
}
