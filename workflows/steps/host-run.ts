import type { HostReading } from '../../domain/host.ts';
import type { HostSettings } from '../../domain/patch.ts';
import type { ProbeResult } from '../../domain/probe.ts';
import { quickActivities, waitingActivities } from './activities.ts';
import type { HostJournal } from './host-journal.ts';
import type { Lease } from './lease.ts';
import type { Operator } from './operator.ts';
import type { RebootChoice } from './reboot-choice.ts';

/** What the steps of the patching of one host share. */
export interface HostRun extends HostSettings {
  readonly journal: HostJournal;
  readonly operator: Operator;
  readonly choice: RebootChoice;
  readonly lease: Lease;
  readonly quick: ReturnType<typeof quickActivities>;
  /** For what takes as long as an upgrade may. */
  readonly upgrading: ReturnType<typeof waitingActivities>;
  readonly rebooting: ReturnType<typeof waitingActivities>;
  readonly snapshotting: ReturnType<typeof waitingActivities>;
}

/** How a host was before anything was changed. */
export interface HostBefore {
  readonly reading: HostReading;
  readonly probes: readonly ProbeResult[];
}

export function createHostRun(
  settings: HostSettings,
  desk: Pick<HostRun, 'journal' | 'operator' | 'choice' | 'lease'>,
): HostRun {
  const { timeouts } = settings.policy;
  return {
    ...settings,
    ...desk,
    quick: quickActivities(timeouts.workerLost),
    upgrading: waitingActivities(timeouts, timeouts.upgrade),
    rebooting: waitingActivities(timeouts, timeouts.reboot),
    snapshotting: waitingActivities(timeouts, timeouts.snapshot),
  };
}
