import type { BootPartition, Fact, FileSystemCondition, ShellCondition } from '../domain/condition.ts';
import { END_OF_PARTS, factOf, PART_FUNCTION, splitParts } from './shell-parts.ts';

const KIB = 1024;

/** dpkg tells every broken package with a paragraph; the first lines say what kind of trouble it is. */
const AUDIT_LINES = 12;

/**
 * Everything that the preflight asks of a node's shell, in one login that changes nothing. Each part ends with its exit
 * code. Boot partitions are not mounted, so they are looked at through a mount that nobody else sees.
 */
export const CONDITION_SCRIPT = `export LC_ALL=C
date +%s
${PART_FUNCTION}
disks() { for m in / /boot /boot/efi; do if [ -d "$m" ]; then df -P -k "$m" || return; fi; done; }
partitions() {
  for u in $(cat /etc/kernel/proxmox-boot-uuids 2>/dev/null); do
    printf 'uuid %s\\n' "$u"
    unshare --mount sh -c 'mount -o ro "/dev/disk/by-uuid/$1" /mnt && df -P -k /mnt' sh "$u"
  done
  true
}
part held apt-mark showhold
part audit dpkg --audit
part units systemctl list-units --plain --no-legend --state=active,activating,reloading,deactivating 'caretaker-*.service' apt-daily.service apt-daily-upgrade.service pve-daily-update.service
part disks disks
part partitions partitions
${END_OF_PARTS}
`;

/**
 * @param sentAt Milliseconds since the epoch before the script was sent; `receivedAt` after its answer.
 */
export function parseCondition(output: string, { sentAt, receivedAt }: { sentAt: number; receivedAt: number }) {
  const [first = '', ...lines] = output.split('\n');
  const parts = splitParts(lines);
  const part = <T>(name: string, parse: (text: string) => T, alsoGood?: readonly number[]): Fact<T> =>
    factOf(parts.get(name), parse, alsoGood);
  const fileSystems = part('disks', parseDiskFree);
  const condition: ShellCondition = {
    clockAhead: clockAhead(Number(first) * 1_000, sentAt, receivedAt),
    held: part('held', words),
    // dpkg is not at one with itself whether broken packages are an error.
    audit: part('audit', (text) => text.trim().split('\n').slice(0, AUDIT_LINES).join('\n'), [1]),
    busyUnits: part('units', (text) => text.split('\n').flatMap((line) => words(line)[0] ?? [])),
    fileSystems:
      'value' in fileSystems && !fileSystems.value.some(({ mount }) => mount === '/')
        ? { unknown: 'df did not tell of /' }
        : fileSystems,
    bootPartitions: part('partitions', parsePartitions),
  };
  return condition;
}

/** The node's whole second lay somewhere between sending and receiving; only what lies outside is certain. */
function clockAhead(nodeTime: number, sentAt: number, receivedAt: number): number {
  if (nodeTime > receivedAt) return nodeTime - receivedAt;
  if (nodeTime + 1_000 < sentAt) return nodeTime + 1_000 - sentAt;
  return 0;
}

/** df(1) in POSIX format, 1024-byte blocks: device, size, used, available, share, mount point. */
const DF_ROW = /^\S+ +(\d+) +\d+ +(\d+) +\d+% +(\/\S*)$/;

function parseDiskFree(text: string): FileSystemCondition[] {
  const found = text.split('\n').flatMap((line) => {
    const [, size, available, mount] = DF_ROW.exec(line.trim()) ?? [];
    return mount === undefined ? [] : [{ mount, size: Number(size) * KIB, available: Number(available) * KIB }];
  });
  // A directory that is no mount point is shown as the file system that holds it.
  return [...new Map(found.map((each) => [each.mount, each])).values()];
}

function parsePartitions(text: string): BootPartition[] {
  return text
    .split(/^uuid /m)
    .slice(1)
    .map((block) => {
      const [uuid = '', ...rest] = block.split('\n');
      const [space] = parseDiskFree(rest.join('\n'));
      return {
        uuid: uuid.trim(),
        space: space
          ? { value: { size: space.size, available: space.available } }
          : { unknown: rest.join('\n').trim() || 'it printed nothing' },
      };
    });
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
