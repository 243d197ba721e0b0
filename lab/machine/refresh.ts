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

const ENTERPRISE_SOURCE: Source = { url: 'https://enterprise.proxmox.com/debian/pve', suite: 'trixie' };

const PROXMOX_SOURCE: Source = { url: 'http://download.proxmox.com/debian/pve', suite: 'trixie' };

/** As apt names the server that answered. */
const SERVER = '[IP: 203.0.113.10 443]';

const FETCH_MS = 300;

/**
 * `apt-get update`: asks every repository; only afterwards the machine knows of newer versions. Returns its exit code.
 */
export async function printRefresh(
  system: System,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const { kind, enterprise } = system.options;
  const proxmox = enterprise === undefined ? PROXMOX_SOURCE : ENTERPRISE_SOURCE;
  const refused = enterprise !== undefined && enterprise !== 'active';
  const sources = kind === 'proxmox' ? [...DEBIAN_SOURCES, proxmox] : DEBIAN_SOURCES;
  const stale = system.database.hasNews();
  for (const [index, { url, suite }] of sources.entries()) {
    await system.context.clock.sleep(FETCH_MS, signal);
    if (refused && url === ENTERPRISE_SOURCE.url) {
      print(`Err:${index + 1} ${url} ${suite} InRelease`);
      print(`  401  Unauthorized ${SERVER}`);
      continue;
    }
    const verb = stale && index === sources.length - 1 ? 'Get' : 'Hit';
    print(`${verb}:${index + 1} ${url} ${suite} InRelease${verb === 'Get' ? ' [33.4 kB]' : ''}`);
  }
  if (refused) {
    const { url, suite } = ENTERPRISE_SOURCE;
    print('Reading package lists...');
    print(`E: Failed to fetch ${url}/dists/${suite}/InRelease  401  Unauthorized ${SERVER}`);
    print(`E: The repository '${url} ${suite} InRelease' is not signed.`);
    return 100;
  }
  system.database.refresh();
  if (stale) print(`Fetched 33.4 kB in ${sources.length}s (11.1 kB/s)`);
  print('Reading package lists...');
  return 0;
}
