import type { LastBackup } from '../domain/backup.ts';
import type { Fact } from '../domain/condition.ts';
import { toMilliseconds, type Duration } from '../domain/duration.ts';
import type { HostReading, PendingUpdate } from '../domain/host.ts';
import type { ProbeResult } from '../domain/probe.ts';
import type { HostPlace } from './host-place.ts';

/** Why a host is left alone, and what a person may do about it. */
export interface Skip {
  readonly reason: string;
  readonly remedy: string | null;
}

/** Why the guest that a host is cannot be patched now, though nothing is wrong with it; null: it can. */
export function whyGuestIsSkipped({ guest }: HostPlace): Skip | null {
  if (guest === null) return null;
  if (guest.template) return { reason: `${guest.vmid} is a template`, remedy: null };
  if (guest.status === 'stopped') return { reason: 'it is stopped', remedy: null };
  if (guest.status !== 'running') return { reason: `Proxmox calls it ${guest.status}`, remedy: null };
  return null;
}

/** Why the last backup of a guest is not good enough to patch it; null: it is. */
export function whyBackupIsMissing(last: LastBackup | null, within: Duration, now: number): Skip | null {
  const remedy = 'Make a backup, or change patching.backupWithin.';
  if (last === null) return { reason: 'no backup of it is known', remedy };
  if (!last.ok) return { reason: `its last backup failed: ${last.why ?? 'nobody knows why'}`, remedy };
  if (now - Date.parse(last.endedAt) <= toMilliseconds(within)) return null;
  return { reason: `its last backup is of ${last.endedAt}, more than ${within} ago`, remedy };
}

/** Why a host is not touched while others of its set are away; null: they answer. */
export function whyPartnersAreMissing(silent: readonly string[]): Skip | null {
  if (silent.length === 0) return null;
  const verb = silent.length === 1 ? 'does' : 'do';
  return {
    reason: `${silent.join(', ')} ${verb} not answer, and they must never be away together`,
    remedy: `Look at ${silent.join(', ')}.`,
  };
}

/** Updates of a host by its package lists as they are. */
export function pendingOf({ pending }: HostReading): readonly PendingUpdate[] {
  return 'value' in pending ? pending.value : [];
}

/**
 * What is not as it was: probes that fail and did not before, and containers that run no more.
 *
 * @param before Results of the same probes before anything was changed.
 */
export function whatIsNotAsBefore(
  before: { readonly probes: readonly ProbeResult[]; readonly containers: Fact<readonly string[] | null> },
  after: { readonly probes: readonly ProbeResult[]; readonly containers: Fact<readonly string[] | null> },
): string[] {
  return [
    ...after.probes.flatMap((probe) =>
      worseThan(
        before.probes.find(({ name }) => name === probe.name),
        probe,
      ),
    ),
    ...missingContainers(before.containers, after.containers),
  ];
}

/** A probe that failed before has nothing new to tell, but for those among many that were well then. */
function worseThan(before: ProbeResult | undefined, { name, ok, detail, ailing }: ProbeResult): string[] {
  if (ok) return [];
  if (before === undefined || before.ok) return [`"${name}" fails (${detail})`];
  const known = before.ailing;
  const fresh = known === undefined ? [] : (ailing ?? []).filter((each) => !known.includes(each));
  return fresh.length === 0 ? [] : [`"${name}" fails (${fresh.join(', ')})`];
}

function missingContainers(before: Fact<readonly string[] | null>, after: Fact<readonly string[] | null>): string[] {
  const ran = 'value' in before ? (before.value ?? []) : [];
  if (ran.length === 0) return [];
  if ('unknown' in after) return [`nobody can tell which containers run (${after.unknown})`];
  const gone = ran.filter((name) => !after.value?.includes(name));
  if (gone.length === 0) return [];
  return [
    `${gone.length === 1 ? 'the container' : 'the containers'} ${gone.join(', ')} ran before and ${gone.length === 1 ? 'does' : 'do'} not run`,
  ];
}
