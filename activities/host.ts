import type { SshExec } from '../clients/ssh/index.ts';
import type { Fact } from '../domain/condition.ts';
import type { HostReading, PendingUpdate, RebootEvidence } from '../domain/host.ts';
import { NoClearAnswer } from './guard.ts';
import { END_OF_PARTS, factOf, isComplete, PART_FUNCTION, splitParts, type Part } from './shell-parts.ts';

/**
 * One login that changes nothing and waits for no lock. needrestart looks at the kernel only (`-k`), which is quick.
 * Sources: apt-get(8), os-release(5), needrestart's README.batch.md, systemd's container interface.
 */
const SCRIPT = `export LC_ALL=C
date +%s
${PART_FUNCTION}
lists() { stat -c %Y /var/lib/apt/periodic/update-success-stamp 2>/dev/null || stat -c %Y /var/lib/apt/lists; }
part system cat /etc/os-release
part container cat /run/systemd/container
part kernel uname -r
part kernels dpkg-query -W -f '\${Package} \${db:Status-Status}\\n' 'linux-image-*'
part flag cat /run/reboot-required
part packages cat /run/reboot-required.pkgs
part needrestart needrestart -b -k
part lists lists
part pending apt-get -s -q -o Debug::NoLocking=true dist-upgrade
${END_OF_PARTS}
`;

/** A long list of packages is a line of some 200 bytes each, twice. */
const MAX_OUTPUT = 4 * 1024 * 1024;

/** Reads how a host is. Throws `SshError` if it cannot be reached, `NoClearAnswer` if it broke off. */
export async function readHost(
  ssh: SshExec,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<HostReading> {
  const { stdout, truncated } = await ssh.exec(SCRIPT, {
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
    system: /^PRETTY_NAME="?(.*?)"?$/m.exec(parts.get('system')?.text ?? '')?.[1] ?? 'unknown system',
    pending: part('pending', parsePending),
    listsAge: part('lists', (text) => Math.max(0, Number(now) - Number(text.trim()))),
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
