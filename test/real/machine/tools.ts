import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './run.ts';

/** Debian's packages with the programs that real hosts are made with. */
const PACKAGES = { ip: 'iproute2', unshare: 'util-linux', nsenter: 'util-linux', 'dpkg-deb': 'dpkg' } as const;

/** The sentence that says why this machine can have no real hosts, or `null` if it can. */
export async function whyNoRealHosts(): Promise<string | null> {
  if (process.platform !== 'linux') return 'Real hosts need Linux.';
  if (process.getuid?.() !== 0) return 'Real hosts need root, to make namespaces and mounts.';
  if (!isInstalled('apt-get')) return 'Real hosts are made from Debian packages, and there is no apt-get here.';
  try {
    await ensureTools(PACKAGES);
    const script = 'mount -t tmpfs tmpfs /mnt && mkdir /mnt/g && mount -t cgroup2 cgroup2 /mnt/g';
    await run(['unshare', '--mount', '--net', '--uts', '--ipc', '--cgroup', '--pid', '--fork', 'sh', '-c', script]);
    return null;
  } catch (error) {
    return `Real hosts cannot be made here. ${(error as Error).message}`;
  }
}

/** Installs the packages of programs that are missing, and says so. */
export async function ensureTools(packages: Readonly<Record<string, string>>): Promise<void> {
  const missing = new Set(Object.entries(packages).flatMap(([program, name]) => (isInstalled(program) ? [] : [name])));
  if (missing.size === 0) return;
  process.stderr.write(`Installing ${[...missing].join(', ')} with apt-get, for the tests on real hosts.\n`);
  await run(['apt-get', '-qq', 'update']);
  await run(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-qq', '-y', 'install', ...missing]);
}

function isInstalled(program: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => existsSync(join(folder, program)));
}
