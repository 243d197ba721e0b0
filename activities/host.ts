import { WHICH_BOOT } from '../clients/remote-job/index.ts';
import { quotePath, sh, type SshExec } from '../clients/ssh/index.ts';
import type { Fact } from '../domain/condition.ts';
import type { HostReading, PendingUpdate, RebootEvidence } from '../domain/host.ts';
import { NoClearAnswer } from './guard.ts';
import { END_OF_PARTS, factOf, isComplete, PART_FUNCTION, splitParts, type Part } from './shell-parts.ts';

/** File in the state directory of a host with the time of the last refresh of its package lists that went well throughout. */
export const LISTS_STAMP = 'lists-refreshed';

/**
 * One login that changes nothing and waits for no lock. needrestart looks at the kernel only (`-k`), which is quick.
 * apt's own stamp is written by hooks that stock Debian has not. Where there is neither stamp the folder of the lists tells
 * when they last changed.
 * Sources: apt-get(8), os-release(5), needrestart's README.batch.md, systemd's container interface.
 */
function readScript({ stateDirectory, updates }: ReadHostOptions): string {
  return sh`/bin/sh -c ${`export LC_ALL=C
date +%s
${PART_FUNCTION}
boot() {${WHICH_BOOT}printf '%s\\n' "$boot"
case $boot in ?*/?*) ;; *) return 1 ;; esac
}
lists() {
  own=
  cat ${quotePath(`${stateDirectory}/${LISTS_STAMP}`)} 2>/dev/null || own=none
  stat -c %Y /var/lib/apt/periodic/update-success-stamp 2>/dev/null || test "$own" != none || stat -c %Y /var/lib/apt/lists
}
installed() {
  list=$(dpkg-query -W -f '\${Package} \${Architecture} \${Version} \${db:Status-Status}\\n') && printf '%s' "$list" | sha256sum
}
containers() {
  command -v docker >/dev/null || return 127
  names=$(timeout 30 docker ps --format '{{.Names}}') || return
  test -z "$names" || timeout 30 docker inspect --format '{{.HostConfig.RestartPolicy.Name}} {{.Name}}' $names || true
}
part boot boot
part system cat /etc/os-release
part container cat /run/systemd/container
part kernel uname -r
part kernels dpkg-query -W -f '\${Package} \${db:Status-Status}\\n' 'linux-image-*'
part flag cat /run/reboot-required
part packages cat /run/reboot-required.pkgs
part needrestart needrestart -b -k
part lists lists
part installed installed
part containers containers
${updates ? 'part pending apt-get -s -q -o Debug::NoLocking=true dist-upgrade\n' : ''}${END_OF_PARTS}
`}`;
}

/** A long list of packages is a line of some 200 bytes each, twice. */
const MAX_OUTPUT = 4 * 1024 * 1024;

export interface ReadHostOptions {
  /** Folder on the host that is ours: absolute or `~/…`. */
  readonly stateDirectory: string;
  /** Ask apt what it would upgrade, which costs the host a second or two of its processor. */
  readonly updates: boolean;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Reads how a host is. Throws `SshError` if it cannot be reached, `NoClearAnswer` if it broke off. */
export async function readHost(ssh: SshExec, options: ReadHostOptions): Promise<HostReading> {
  const { timeoutMs, signal } = options;
  const { stdout, truncated } = await ssh.exec(readScript(options), {
    timeoutMs,
    maxOutputBytes: MAX_OUTPUT,
    ...(signal === undefined ? {} : { signal }),
  });
  if (truncated || !isComplete(stdout)) {
    throw new NoClearAnswer('The host broke off in its answer: it may be booting or going down. Look again.');
  }
  return parseHost(stdout);
}

export function parseHost(output: string): HostReading {
  const [now = '', ...lines] = output.split('\n');
  const parts = splitParts(lines);
  const part = <T>(name: string, parse: (text: string) => T): Fact<T> => factOf(parts.get(name), parse);
  const container = fileOf(parts.get('container'));
  return {
    boot: part('boot', (text) => text.trim()),
    system: /^PRETTY_NAME="?(.*?)"?$/m.exec(parts.get('system')?.text ?? '')?.[1] ?? 'unknown system',
    pending: part('pending', parsePending),
    packages: part('installed', (text) => text.trim()),
    listsAge: part('lists', (text) =>
      Math.max(0, Number(now) - Math.max(...(text.match(/^\d+$/gm) ?? []).map(Number))),
    ),
    containers: parts.get('containers')?.code === 127 ? { value: null } : part('containers', parseContainers),
    reboot: {
      container: 'value' in container && container.value !== null,
      runningKernel: parts.get('kernel')?.text.trim() ?? '',
      // Without a match dpkg-query ends with 1; its complaint is no line of a package.
      installedKernels: factOf(parts.get('kernels'), parseKernels, [1]),
      flag: flagOf(parts),
      needrestart: needrestartOf(parts.get('needrestart')),
    },
  };
}

/** `Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])` */
const INST = /^Inst (\S+)(?: \[(\S+)\])? \((\S+) (.*)\)/;

function parsePending(text: string): PendingUpdate[] {
  return text.split('\n').flatMap((line) => {
    const [, name, from = null, to, origin = ''] = INST.exec(line) ?? [];
    return name === undefined || to === undefined ? [] : [{ name, from, to, security: /security/i.test(origin) }];
  });
}

function parseKernels(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [, release] = /^linux-image-(?:unsigned-)?(\d\S*) installed$/.exec(line.trim()) ?? [];
    return release === undefined || release.endsWith('-dbg') ? [] : [release];
  });
}

/**
 * `unless-stopped /plex`: the restart policy and the name. Without a policy Docker does not start a container again, after
 * no reboot; tasks of a swarm (`web.1.<25 characters>`) come back under other names.
 */
function parseContainers(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [, name = ''] = /^(?:always|unless-stopped|on-failure) \/?([\w.-]+)$/.exec(line.trim()) ?? [];
    return name === '' || /\.\d+\.[a-z0-9]{25}$/.test(name) ? [] : [name];
  });
}

/** The text of a file, null if there is none. */
function fileOf(part: Part | undefined): Fact<string | null> {
  if (part?.code === 1 && /No such file or directory/.test(part.text)) return { value: null };
  return factOf(part, (text) => text);
}

function flagOf(parts: ReadonlyMap<string, Part>): RebootEvidence['flag'] {
  const flag = fileOf(parts.get('flag'));
  const packages = fileOf(parts.get('packages'));
  if ('unknown' in flag) return flag;
  if (flag.value === null) return { value: null };
  if ('unknown' in packages) return packages;
  return { value: (packages.value ?? '').split(/\s+/).filter((word) => word !== '') };
}

/** `NEEDRESTART-KSTA`: 0 it cannot tell, 1 current, 2 and 3 a newer one is installed. */
function needrestartOf(part: Part | undefined): RebootEvidence['needrestart'] {
  if (part?.code === 127) return { value: null };
  const fact = factOf(part, (text) => /^NEEDRESTART-KSTA: (\d)$/m.exec(text)?.[1]);
  if ('unknown' in fact) return { unknown: `needrestart: ${fact.unknown}` };
  switch (fact.value) {
    case '1':
      return { value: 'current' };
    case '2':
    case '3':
      return { value: 'outdated' };
    default:
      return { value: 'undetermined' };
  }
}
