import { setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { HostUpgrade } from '../../activities/host-upgrade.ts';
import type { PackageUpdate } from '../../domain/cluster.ts';
import type { HostOutcome, HostPhase, HostProgress, HostReboot, HostReport, KeptSnapshot } from '../../domain/patch.ts';
import { hostProgressQuery, hostReportQuery } from '../messages.ts';
import { now } from './clock.ts';
import { hostDetails } from './details.ts';
import type { Operator } from './operator.ts';

/** What is known about the patching of one host so far; it is shown in the UI at once. */
export interface HostJournal {
  enter(phase: HostPhase): void;
  warn(warning: string): void;
  /** Packages that a dry run found. */
  pending(packages: readonly PackageUpdate[]): void;
  upgraded(upgrade: HostUpgrade): void;
  rebooted(reboot: HostReboot): void;
  /** Why the host still wants a reboot. */
  stillWantsReboot(because: readonly string[]): void;
  snapshot(kept: KeptSnapshot | null): void;
  /** Whether packages were upgraded or removed, or the host was rebooted. */
  changed(): boolean;
  show(): void;
  /** The report; the query `report` gives it from now on. */
  end(outcome: HostOutcome, reason: string, remedy?: string | null): HostReport;
}

/** @param operator Asked late, for it tells the journal when something is new. */
export function createHostJournal(
  host: string,
  operator: () => Pick<Operator, 'waitingFor' | 'waitingUntil'>,
): HostJournal {
  const startedAt = now();
  const warnings: string[] = [];
  let phase: HostPhase = 'looking';
  let packages: readonly PackageUpdate[] = [];
  let upgrade: HostUpgrade | null = null;
  let reboot: HostReboot | null = null;
  let rebootPending: readonly string[] = [];
  let snapshot: KeptSnapshot | null = null;
  let ended: HostReport | null = null;

  const progress = (): HostProgress => {
    const { waitingFor, waitingUntil } = operator();
    return { host, phase, waitingFor, waitingUntil };
  };
  const show = () => setCurrentDetails(hostDetails(progress(), warnings, ended));
  setHandler(hostProgressQuery, progress, { description: 'What is being done with the host.' });
  setHandler(hostReportQuery, () => ended, { description: 'How it ended; null before.' });

  return {
    enter(next) {
      phase = next;
      show();
    },
    warn(warning) {
      if (!warnings.includes(warning)) warnings.push(warning);
    },
    pending(list) {
      packages = list;
    },
    upgraded(done) {
      upgrade = done;
      packages = done.packages;
    },
    rebooted(proof) {
      reboot = proof;
      rebootPending = [];
    },
    stillWantsReboot(because) {
      rebootPending = because;
    },
    snapshot(kept) {
      snapshot = kept;
    },
    changed: () => packages.length > 0 || (upgrade?.removed.length ?? 0) > 0 || reboot !== null,
    show,
    end(outcome, reason, remedy = null) {
      ended = {
        host,
        outcome,
        reason,
        remedy,
        packages,
        keptConffiles: upgrade?.keptConffiles ?? [],
        removed: upgrade?.removed ?? [],
        reboot,
        rebootPending,
        snapshot,
        warnings: [...warnings],
        startedAt,
        endedAt: now(),
      };
      phase = 'done';
      show();
      return ended;
    },
  };
}
