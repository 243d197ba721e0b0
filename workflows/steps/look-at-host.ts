import { ApplicationFailure, sleep } from '@temporalio/workflow';
import type { Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { ProbeResult } from '../../domain/probe.ts';
import { whyBackupIsMissing, whyGuestIsSkipped, whyPartnersAreMissing, type Skip } from '../../planning/patching.ts';
import { lookingActivities } from './activities.ts';
import type { HostBefore, HostRun } from './host-run.ts';

const TRIES = 3;
const PAUSE: Duration = '20 seconds';

/**
 * Looks whether a host may be patched, and how it is before. A reason to leave it alone is no failure; a host that is not
 * the one that the inventory means, or does not answer, is one.
 */
export async function lookAtHost(run: HostRun): Promise<HostBefore | Skip> {
  const { host, exempt, policy, quick, journal } = run;
  if (exempt !== null) return { reason: `it is exempt: ${exempt}`, remedy: null };
  const place = await quick.locateHost.executeWithOptions({ summary: `${host.name}: find it in Proxmox` }, [{ host }]);
  if (place.mismatches.length > 0) {
    throw ApplicationFailure.create({
      type: ErrorType.Refused,
      message: `It is not touched, for Proxmox and the configuration do not agree: ${place.mismatches.join('; ')}. Correct hosts (${host.name}).`,
      nonRetryable: true,
    });
  }
  const skip = whyGuestIsSkipped(place) ?? (await whyNoBackup(run)) ?? (await whyNoPartners(run));
  if (skip !== null) return skip;
  await contact(run);
  const reading = await quick.readHostState.executeWithOptions({ summary: `${host.name}: look at it` }, [
    { host: host.name, updates: policy.dryRun },
  ]);
  const probes = await askProbes(run);
  for (const { name, ok, detail } of probes) {
    if (!ok) journal.warn(`"${name}" failed before anything was changed, which does not count: ${detail}`);
  }
  if ('unknown' in reading.containers) {
    journal.warn(`nobody could tell which containers ran before, so none is missed: ${reading.containers.unknown}`);
  }
  if ('unknown' in reading.packages) {
    throw ApplicationFailure.create({
      type: ErrorType.Refused,
      message: `It is not touched, for its packages cannot be listed: ${reading.packages.unknown}. Is it Debian or Ubuntu?`,
      nonRetryable: true,
    });
  }
  return { reading, probes };
}

/** A host that is away shall not hold its place, and those after it, for as long as a worker tries to read it. */
async function contact({ host }: HostRun): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const silent = await lookingActivities().findSilentHosts.executeWithOptions(
      { summary: `${host.name}: does it answer?` },
      [{ hosts: [host.name] }],
    );
    if (silent.length === 0) return;
    if (tries === TRIES) break;
    await sleep(PAUSE, { summary: `${host.name}: pause before another try` });
  }
  throw ApplicationFailure.create({
    type: ErrorType.HostSilent,
    message: `It does not answer, and nothing was done. See whether it runs, and whether its SSH server can be reached.`,
    nonRetryable: true,
  });
}

/** Probes are asked twice before they count as failing, when `tries` is 2. */
export async function askProbes({ host, policy, quick }: HostRun, tries = 2): Promise<ProbeResult[]> {
  if (policy.probes.length === 0) return [];
  return quick.checkProbes.executeWithOptions({ summary: `${host.name}: ask the probes` }, [
    { probes: policy.probes, tries, host: host.name },
  ]);
}

async function whyNoBackup({ host, policy, quick, journal }: HostRun): Promise<Skip | null> {
  if (policy.backupWithin === null) return null;
  if (host.vmid === null) {
    journal.warn('it is no guest of the cluster, so nobody could be asked for its backups');
    return null;
  }
  const last = await quick.readLastBackup.executeWithOptions({ summary: `${host.name}: look for its last backup` }, [
    { vmid: host.vmid },
  ]);
  return whyBackupIsMissing(last, policy.backupWithin, Date.now());
}

/** Why a host must not go away now: one of those with which it may never be away together is. */
export async function whyNoPartners({ host, partners, quick }: HostRun): Promise<Skip | null> {
  if (partners.length === 0) return null;
  const silent = await quick.findSilentHosts.executeWithOptions(
    { summary: `${host.name}: do ${partners.join(', ')} answer?` },
    [{ hosts: partners }],
  );
  return whyPartnersAreMissing(silent);
}
