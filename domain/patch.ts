import type { PackageUpdate } from './cluster.ts';
import type { Duration } from './duration.ts';
import type { InventoryHost } from './host.ts';
import type { Probe } from './probe.ts';
import type { MaintenanceWindow } from './window.ts';

/** When a host is taken back to the snapshot: never; when it, or what ran on it, is not well; or after any failure. */
export type RollBackPolicy = 'never' | 'when-unwell' | 'when-failed';

/** How one host is patched. */
export interface PatchPolicy {
  /** Read all and say what would be done. Nothing on the host is changed. */
  readonly dryRun: boolean;
  /** Whether a host that wants a reboot gets one; otherwise it is reported. */
  readonly autoReboot: boolean;
  /** How long a person may still stop the reboot of a VM; may be 0. */
  readonly rebootPause: Duration;
  /** Whether that pause is announced by mail. */
  readonly announceReboot: boolean;
  /** The host is left alone unless its last backup succeeded and is no older; null: backups are not asked about. */
  readonly backupWithin: Duration | null;
  readonly snapshot: 'none' | 'before';
  /** How long a snapshot is kept after a host was patched well. */
  readonly keepSnapshot: Duration;
  readonly rollBack: RollBackPolicy;
  /** Asked before and after; one that failed before does not count after. */
  readonly probes: readonly Probe[];
  /** How long the services may take to be well again. */
  readonly settle: Duration;
  /** Package lists that were fetched so recently are not fetched again; may be 0. */
  readonly listsValidFor: Duration;
  /** Whether packages that nothing needs, and archives that cannot be fetched any more, are removed. */
  readonly cleanUp: boolean;
  readonly timeouts: PatchTimeouts;
}

export interface PatchTimeouts {
  /** For the turn of a run that disturbs the cluster. */
  readonly lease: Duration;
  readonly upgrade: Duration;
  /** From the command to a host that answers again. */
  readonly reboot: Duration;
  /** For taking, removing or going back to a snapshot. */
  readonly snapshot: Duration;
  /** Silence after which a worker counts as lost. */
  readonly workerLost: Duration;
}

/** What the input of a run may say. Probes are the configuration's alone: one kind of them runs commands. */
export type PatchOverrides = Partial<Omit<PatchPolicy, 'timeouts' | 'probes'>> & {
  readonly timeouts?: Partial<PatchTimeouts>;
};

/** All that `patchHost` goes by: the configuration with the input merged in. */
export interface HostSettings {
  readonly cluster: string;
  readonly host: InventoryHost;
  /** Why it is left alone; null: it is not. */
  readonly exempt: string | null;
  /** Hosts that must answer while this one is in hand, such as the other DNS server; without those that are exempt. */
  readonly partners: readonly string[];
  readonly policy: PatchPolicy;
}

/** How the hosts of a group take turns. */
export interface FleetPolicy {
  /** Hosts at a time, or a share of them in percent (at least one). */
  readonly serial: number | `${number}%`;
  /** Whether hosts are still begun after one has failed. */
  readonly continueOnError: boolean;
  /** So many failures end the run all the same; null: no number does. */
  readonly maxFailures: number | null;
}

/** All that `patchFleet` goes by. */
export interface FleetSettings {
  readonly cluster: string;
  /** Group or host. */
  readonly name: string;
  /** Hosts in the order of their turns. */
  readonly hosts: readonly string[];
  readonly policy: FleetPolicy;
  /** Hosts of which no two are ever in hand at the same time. */
  readonly neverTogether: readonly (readonly string[])[];
  /** When hosts may be begun; empty: always. */
  readonly windows: readonly MaintenanceWindow[];
  /** IANA name; null only where there are no windows. */
  readonly timeZone: string | null;
  /** What has to be left of a window for a host to be begun. */
  readonly expected: Duration;
  readonly dryRun: boolean;
  readonly timeouts: Pick<PatchTimeouts, 'lease' | 'workerLost'>;
}

/** What `weeklyUpdates` goes by. */
export interface WeeklySettings {
  readonly cluster: string;
  /** Groups in their order. */
  readonly groups: readonly string[];
  readonly dryRun: boolean;
  readonly timeouts: Pick<PatchTimeouts, 'lease' | 'workerLost'>;
}

/**
 * - `aborted`: a person, or a run that needs the cluster more, ended it; what had begun came to its end.
 * - `patched`: packages were upgraded or the host was rebooted, and all is well.
 * - `unchanged`: there was nothing to do.
 * - `planned`: a dry run.
 * - `skipped`: it was left alone for the reason given, which is no failure.
 * - `rolled-back`: it was taken back to its snapshot and is as before.
 * - `failed`: a person has to look.
 * - `not-started`: its turn did not come.
 */
export type HostOutcome =
  'patched' | 'unchanged' | 'planned' | 'skipped' | 'rolled-back' | 'failed' | 'aborted' | 'not-started';

export type HostPhase =
  | 'looking'
  | 'waiting-for-its-turn'
  | 'snapshot'
  | 'upgrading'
  | 'awaiting-reboot'
  | 'rebooting'
  | 'verifying'
  | 'rolling-back'
  | 'done';

/** How a host was patched. */
export interface HostReport {
  readonly host: string;
  readonly outcome: HostOutcome;
  /** A sentence. */
  readonly reason: string;
  /** What a person does now; null: nothing. */
  readonly remedy: string | null;
  /** In a dry run: those that would be. */
  readonly packages: readonly PackageUpdate[];
  /** Configuration files that stayed as they were beside a new one of the package; paths. */
  readonly keptConffiles: readonly string[];
  /** Packages that nothing needed. */
  readonly removed: readonly string[];
  readonly reboot: HostReboot | null;
  /** Why it still wants a reboot. */
  readonly rebootPending: readonly string[];
  /** The one that is still there. */
  readonly snapshot: KeptSnapshot | null;
  readonly warnings: readonly string[];
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string;
}

export interface HostReboot {
  readonly because: readonly string[];
  /** How long it did not answer; null: nobody saw. */
  readonly downSeconds: number | null;
}

/** What the names of our snapshots begin with. */
export const SNAPSHOT_PREFIX = 'caretaker-';

export interface KeptSnapshot {
  readonly name: string;
  /** ISO 8601: when it is removed; null: it stays until a person removes it. */
  readonly until: string | null;
}

/** Answer of the query `progress` of `patchHost`. */
export interface HostProgress {
  readonly host: string;
  readonly phase: HostPhase;
  /** What it waits for; null: nothing. */
  readonly waitingFor: string | null;
  /** ISO 8601: when it goes on by itself. */
  readonly waitingUntil: string | null;
}

/** One line of a fleet's report: thousands of them have to fit into a payload. */
export interface HostLine {
  readonly host: string;
  readonly outcome: HostOutcome;
  readonly reason: string;
  readonly remedy: string | null;
  /** Number of packages; none where the host was taken back. */
  readonly packages: number;
  readonly keptConffiles: readonly string[];
  readonly rebooted: boolean;
  readonly downSeconds: number | null;
  readonly rebootPending: boolean;
  /** The one that is still there. */
  readonly snapshot: KeptSnapshot | null;
  /** The first of them. */
  readonly warnings: readonly string[];
}

/** `failed` when a host has failed or was rolled back; `stopped` when hosts were left for which the run was started. */
export type FleetOutcome = 'done' | 'planned' | 'failed' | 'stopped' | 'aborted' | 'refused';

export interface FleetReport {
  readonly cluster: string;
  readonly name: string;
  readonly outcome: FleetOutcome;
  readonly reason: string;
  /** In the order of their turns. */
  readonly hosts: readonly HostLine[];
  /** Hosts that are not named, by outcome: thousands have to fit into a payload. */
  readonly unnamed?: Readonly<Partial<Record<HostOutcome, number>>>;
  readonly startedAt: string;
  readonly endedAt: string;
}

/** Answer of the query `progress` of `patchFleet`, of bounded size. */
export interface FleetProgress {
  readonly cluster: string;
  readonly name: string;
  readonly startedAt: string;
  readonly paused: boolean;
  /** What it waits for; null: nothing but its hosts. */
  readonly waitingFor: string | null;
  readonly dryRun: boolean;
  /** Number of all its hosts. */
  readonly hosts: number;
  /** Those that are being patched. */
  readonly inHand: readonly string[];
  /** Those that are over, by outcome. */
  readonly over: Readonly<Partial<Record<HostOutcome, number>>>;
  /** The last of those that ended badly. */
  readonly bad: readonly HostLine[];
}

/** Answer of the query `progress` of `weeklyUpdates`. */
export interface WeeklyProgress {
  readonly cluster: string;
  readonly startedAt: string;
  readonly paused: boolean;
  readonly waitingFor: string | null;
  readonly dryRun: boolean;
  readonly groups: readonly { readonly name: string; readonly state: 'waiting' | 'in-hand' | FleetOutcome }[];
}

export interface WeeklyReport {
  readonly cluster: string;
  readonly outcome: FleetOutcome;
  readonly reason: string;
  readonly groups: readonly FleetReport[];
  readonly startedAt: string;
  readonly endedAt: string;
}
