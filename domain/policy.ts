import type { FailureClass, FailureResponse } from './decision.ts';
import type { Duration } from './duration.ts';
import type { FindingCode } from './finding.ts';
import type { Probe } from './probe.ts';
import type { MaintenanceWindow } from './window.ts';

/** What to do with a running guest while its node is away. */
export type GuestTreatment = 'migrate' | 'shutdown' | 'leave' | 'refuse';

/** How a rolling update behaves. Manual and scheduled runs, dry and real ones, differ only in this. */
export interface Policy {
  /** Stop after planning and return the plan; nothing on any node is changed. */
  readonly dryRun: boolean;
  /** Nodes to update, in this order; empty: all nodes of the configuration in its order. */
  readonly nodes: readonly string[];
  readonly reboot: 'if-needed' | 'always' | 'never';
  /** Whether a person must agree: never, once to the plan, or to every node. */
  readonly approval: 'none' | 'plan' | 'every-node';
  /** When nodes may be begun; empty: always. One that has begun is finished, whatever the hour. */
  readonly windows: readonly MaintenanceWindow[];
  /** IANA name of the time zone of `windows`; null only where there are none. */
  readonly timeZone: string | null;
  /** Whether a node's expected time must fit into what is left of the window, or the window only has to be open. */
  readonly windowFit: 'expected' | 'start-only';
  /** How long an updated node is watched before the next one; may be 0. */
  readonly soak: Duration;
  /** Asked before the first node and after each one. */
  readonly probes: readonly Probe[];
  /** Whether a new kernel is booted once first, and made the default only when the node has proved well with it. */
  readonly canaryKernel: 'never' | 'when-new';
  /** Whether packages that nothing needs, old kernels among them, are removed once a node has booted and proved well. */
  readonly autoremove: 'never' | 'after-proven-boot';
  /** How many guests of a node move at the same time. */
  readonly parallelMigrations: number;
  /** Whether VMs may copy their local disks while moving: only replicated ones, always, or never. */
  readonly localDisks: 'replicated' | 'always' | 'never';
  /** Where a VM with the CPU of its node (`host`, `max`) may move while it runs. */
  readonly hostCpu: 'same-model' | 'any';
  /** Share of a node's memory, in percent, that guests must leave free for the system and the ZFS cache. */
  readonly memoryReservePercent: number;
  /** Blockers that a person takes upon himself, by their codes; safety rules cannot be among them. */
  readonly overrides: readonly FindingCode[];
  /** Whether HA may be disarmed for a reboot that would otherwise make its watchdogs reset the survivors. */
  readonly disarmHa: 'never' | 'when-it-would-fence';
  /** Names of Ceph's health checks that do not keep a node from being updated. */
  readonly cephIgnore: readonly string[];
  /** What to do about backups that run: let them come to their end, or touch nothing. */
  readonly backups: 'wait' | 'refuse';
  readonly guests: GuestPolicy;
  readonly onFailure: FailurePolicy;
  readonly timeouts: PolicyTimeouts;
  readonly expected: ExpectedDurations;
}

export interface GuestPolicy {
  /** For guests that no exception and no rule speaks of. */
  readonly default: GuestTreatment;
  /** Exceptions by vmid; they go before the rules. */
  readonly overrides: Readonly<Record<string, GuestTreatment>>;
  /** The first that matches a guest counts. */
  readonly rules: readonly GuestRule[];
}

/** Guests that carry one of `tags` and have one of `vmids`; what is absent matches every guest. */
export interface GuestRule {
  readonly tags?: readonly string[];
  readonly vmids?: readonly number[];
  readonly treatment: GuestTreatment;
}

/** What to do about trouble, by its kind; `FAILURE_ACTIONS` says what is safe for which. */
export type FailurePolicy = Readonly<Record<FailureClass, FailureResponse>> & {
  /** How often `retry` tries again before the run stops. */
  readonly retries: number;
  /** Time between two tries. */
  readonly pause: Duration;
  /** What counts as chosen when nobody answers in time, where it can be chosen; else `stop`. */
  readonly unanswered: 'stop' | 'skip-node';
};

export interface PolicyTimeouts {
  /** Longest wait for an approval; then the run ends as refused. */
  readonly approval: Duration;
  /** Longest wait for the lease of the cluster while another run disturbs it; then the run ends as refused. */
  readonly lease: Duration;
  /** Longest wait for the answer to a question; then its default counts as chosen. */
  readonly decision: Duration;
  /** Longest time for one guest's move. */
  readonly migration: Duration;
  /** How long a guest may take to shut down in order; it is never forced. */
  readonly guestShutdown: Duration;
  /** Longest wait until a guest's disks are replicated once more before it moves. */
  readonly replication: Duration;
  /** Longest wait until the HA manager has moved its guests. */
  readonly haMove: Duration;
  /** Longest wait until Ceph is well. */
  readonly ceph: Duration;
  /** Longest wait for backups that run. */
  readonly backup: Duration;
  readonly upgrade: Duration;
  /** From the reboot request until the node answers with a new boot id. */
  readonly reboot: Duration;
  /** From the new boot id until the node is a full member again. */
  readonly rejoin: Duration;
  /** How long the run goes on trying to undo one change. */
  readonly undo: Duration;
  /** How long `undoLater` goes on after that. */
  readonly undoLater: Duration;
  /** Silence after which a worker is taken for dead and its step is given to another. */
  readonly workerLost: Duration;
}

/** Typical durations, only for the expected time that plan and progress show. */
export interface ExpectedDurations {
  readonly upgrade: Duration;
  readonly reboot: Duration;
  /** One gibibyte of a guest's memory. */
  readonly migrationPerGiB: Duration;
  /** A container's stop and start around its move. */
  readonly containerRestart: Duration;
}

/** Input of `rollingUpdate` and `updateNode`: any part of the policy; what is absent comes from the configuration. */
export type PolicyOverrides = {
  readonly [Key in keyof Policy]?: Policy[Key] extends GuestPolicy | FailurePolicy | PolicyTimeouts | ExpectedDurations
    ? Partial<Policy[Key]>
    : Policy[Key];
};

/** Configuration and input merged and checked: what a run goes by. */
export interface RollSettings {
  readonly cluster: string;
  /** All nodes of the configuration, in its order. */
  readonly nodes: readonly string[];
  /** vmid of the guest in which the workers or Temporal run, if they run in the cluster. */
  readonly orchestratorGuest: number | null;
  readonly policy: Policy;
}
