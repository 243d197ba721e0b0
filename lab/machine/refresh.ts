import type { System } from './system.ts';

interface Source {
  readonly url: string;
  readonly suite: string;
}

const DEBIAN_SOURCES: readonly Source[] = [
  { url: 'http://deb.debian.org/debian', suite: 'trixie' },
  { url: 'http://deb.debian.org/debian', suite: 'trixie-updates' },
  { url: 'http://security.debian.org/debian-security', suite: 'trixie-security' },
];

const PROXMOX_SOURCE: Source = { url: 'http://download.proxmox.com/debian/pve', suite: 'trixie' };

const FETCH_MS = 300;

/** `apt-get update`: asks every repository; only afterwards the machine knows of newer versions. */
export async function printRefresh(system: System, print: (line: string) => void, signal: AbortSignal): Promise<void> {
  const sources = system.options.kind === 'proxmox' ? [...DEBIAN_SOURCES, PROXMOX_SOURCE] : DEBIAN_SOURCES;
  const stale = system.database.hasNews();
  for (const [index, { url, suite }] of sources.entries()) {
    await system.context.clock.sleep(FETCH_MS, signal);
    const verb = stale && index === sources.length - 1 ? 'Get' : 'Hit';
    print(`${verb}:${index + 1} ${url} ${suite} InRelease${verb === 'Get' ? ' [33.4 kB]' : ''}`);
  }
  system.database.refresh();
  if (stale) print(`Fetched 33.4 kB in ${sources.length}s (11.1 kB/s)`);
  print('Reading package lists...');
}
