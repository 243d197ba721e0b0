import type { GuestKind, HaArming, NodeHealth, QuorumState } from './cluster.ts';
import type { Duration } from './duration.ts';
import type { QuorumForecast } from './plan.ts';
import type { DischargePoint, PowerPhase, PowerReading, PowerRules, PowerVerdict } from './power.ts';

/** Everything that the power workflows go by; the configuration with its names resolved, without secrets. */
export interface PowerSettings {
  readonly cluster: string;
  /** Name of the UPS at its NUT server. */
  readonly ups: string;
  /** All nodes of the configuration, in its order. */
  readonly nodes: readonly string[];
  /** Nodes that leave in phase 2; the others stay until phase 3. */
  readonly shedNodes: readonly string[];
  /** vmid of the guest in which Caretaker runs: never stopped by itself, and its node goes last. */
  readonly ownGuest: number | null;
  readonly guests: {
    /** For a guest to shut down before it is stopped. */
    readonly timeout: Duration;
    readonly timeouts: Readonly<Record<number, Duration>>;
    /** Names, tags or vmids of guests that others need, such as DNS: stopped after all others, started before them. */
    readonly last: readonly string[];
    /** Guests with one of these tags move to a node that stays, rather than being shut down. */
    readonly migrateTags: readonly string[];
    /** Below this charge (percent) no guest is moved. */
    readonly migrateAbove: number;
    /** Between two groups of guests that are started again. */
    readonly startDelay: Duration;
  };
  /** Shed although the nodes that stay lose quorum with HA armed: their watchdogs may reset them. */
  readonly allowQuorumLoss: boolean;
  /** `pvecm expected` on the nodes that stay, once the others are verified off. */
  readonly lowerExpectedVotes: boolean;
  readonly rules: PowerRules;
  /** Runtime (seconds) at which a phase begins; null: by what the guests and nodes need for their shutdown. */
  readonly runtimes: { readonly shed: number | null; readonly final: number | null };
  readonly restore: {
    /** TCP services that must answer before a node is woken, such as the NAS. */
    readonly needs: readonly Door[];
    /** For a woken node until its API answers; then it is woken again. */
    readonly nodeUp: Duration;
    readonly attempts: number;
    /** A node that hangs in its shutdown may be power-cycled. */
    readonly allowHardReset: boolean;
    /** For the guests that the nodes start by themselves. */
    readonly settle: Duration;
    /** Outages that reached phase 2 within an hour, after which only a nearly full battery wakes nodes. */
    readonly loopGuard: number;
    /** Nodes that may not be woken for so long are worth a mail. */
    readonly tellAfter: Duration;
  };
  readonly timeouts: {
    /** For a node to halt, after its guests. */
    readonly halt: Duration;
    /** Added to the sum of all that is waited for. */
    readonly margin: Duration;
    /** How long phases wait for maintenance to reach its safe point, when only time asks for them. */
    readonly yield: Duration;
    readonly rejoin: Duration;
    readonly guestStart: Duration;
  };
  /** Draw of all that hangs on the UPS, and of single nodes, as far as the configuration tells. */
  readonly watts: { readonly total: number | null; readonly nodes: Readonly<Record<string, number>> };
}

/** A TCP service. */
export interface Door {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** A guest as it was before the outage. */
export interface GuestBefore {
  readonly vmid: number;
  readonly kind: GuestKind;
  readonly name: string;
  readonly node: string;
  readonly running: boolean;
  readonly tags: readonly string[];
  /** Bytes of memory it may grow to. */
  readonly maxMemory: number;
  readonly startupOrder: number | null;
  readonly lock: string | null;
  /** `vm:210`; null without HA. */
  readonly sid: string | null;
}

export interface NodeBefore {
  readonly name: string;
  readonly online: boolean;
  readonly votes: number;
  /** Bytes. */
  readonly memory: number;
  /** Null for a node that was off, or did not answer. */
  readonly health: NodeHealth | null;
}

/** The site as it was when the outage began: what has to be so again. */
export interface SiteBefore {
  /** ISO 8601 */
  readonly takenAt: string;
  readonly quorum: QuorumState;
  readonly nodes: readonly NodeBefore[];
  readonly guests: readonly GuestBefore[];
  readonly ha: {
    readonly armed: HaArming | null;
    /** A watchdog is at work somewhere: services are started, or a manager is active. */
    readonly active: boolean;
    /** Requested state by service: `started`, `stopped`, `ignored`, `disabled`. */
    readonly requested: Readonly<Record<string, string>>;
  };
}

export interface GuestToStop {
  readonly vmid: number;
  readonly kind: GuestKind;
  readonly name: string;
  /** Seconds that it gets before it is stopped. */
  readonly timeout: number;
}

/** Guests that are shut down at the same time. */
export type GuestTier = readonly GuestToStop[];

export interface NodeShutdown {
  readonly node: string;
  /** Guests that move to another node first. */
  readonly moves: readonly { readonly guest: GuestToStop; readonly to: string }[];
  /** All guests of the node, those that move included: one that could not move is shut down. */
  readonly tiers: readonly GuestTier[];
  /** Seconds: all moves and tiers, the halt and the margin. */
  readonly budget: number;
}

/** What phase 2 would do, and whether it may. */
export interface ShedPlan {
  readonly nodes: readonly NodeShutdown[];
  /** Why nothing is shed although nodes are named for it; null: it may be. */
  readonly refused: string | null;
  readonly quorum: QuorumForecast | null;
  readonly disarmHa: boolean;
  /** Votes to expect on the node that stays; null: as they are. */
  readonly expectedVotes: { readonly node: string; readonly votes: number; readonly before: number } | null;
}

export interface OutagePlan {
  readonly shed: ShedPlan;
  readonly final: {
    /** In the order in which they go; nodes that phase 2 has left on included by whoever carries it out. */
    readonly nodes: readonly NodeShutdown[];
    /** All hosts go at the same moment where HA could not be disarmed: each would be reset without the other's vote. */
    readonly togetherIfArmed: boolean;
  };
  /** Seconds. */
  readonly budgets: { readonly shed: number; readonly final: number };
  readonly warnings: readonly string[];
}

/**
 * How an act against the outage ended. `mains-on`: the UPS said in that moment that the mains are there, so nothing was
 * done. `no-sample`: it said nothing, and nobody had decided to act blindly.
 */
export type ActOutcome = 'done' | 'failed' | 'mains-on' | 'no-sample';

export interface Act {
  readonly outcome: ActOutcome;
  /** What happened, in words: `the API accepted it`, `pve2 does not answer`. */
  readonly words: string;
}

export interface GuestStop {
  readonly vmid: number;
  readonly name: string;
  readonly stopped: boolean;
  readonly forced: boolean;
  readonly words: string;
}

export interface GuestsStopped extends Act {
  readonly guests: readonly GuestStop[];
}

/** How sure it is that a node is off. */
export interface NodeOff {
  readonly off: 'verified' | 'unverified';
  readonly words: string;
}

/** What an act may go by when it looks at the UPS. */
export interface PowerGate {
  readonly ups: string;
  /** The decision was made because the UPS does not answer: then no answer is the evidence. */
  readonly blind: boolean;
  /** In which boot of which machine it was found silent: after a cold start no answer is evidence of nothing. */
  readonly boot: string | null;
  /** Nothing is changed; the answer says what would be done. */
  readonly rehearsal: boolean;
}

/** What became of a node in this outage. */
export type NodeFate =
  'on' | 'off-before' | 'guests-stopping' | 'going-down' | 'off' | 'unverified' | 'waking' | 'back' | 'missing';

/** A line of the outage's log, for its report and for people who look at it. */
export interface OutageEvent {
  /** ISO 8601 */
  readonly at: string;
  /** Seconds on battery at that moment. */
  readonly onBattery: number;
  readonly text: string;
}

/** Answer of the query `progress` of `powerOutage` and `powerRestore`. */
export interface OutageProgress {
  readonly cluster: string;
  readonly ups: string;
  readonly rehearsal: boolean;
  readonly phase: PowerPhase;
  readonly stage: 'hold' | 'shed' | 'final' | 'halted' | 'mains-back' | 'restore' | 'over';
  readonly because: string | null;
  /** Seconds on battery so far. */
  readonly onBattery: number;
  readonly charge: number | null;
  readonly runtime: number | null;
  readonly nodes: Readonly<Record<string, NodeFate>>;
  readonly waitingFor: string | null;
  readonly events: readonly OutageEvent[];
}

export type OutageOutcome = 'restored' | 'blip' | 'restored-with-exceptions' | 'aborted' | 'rehearsed';

export interface OutageReport {
  readonly cluster: string;
  readonly ups: string;
  readonly outcome: OutageOutcome;
  /** ISO 8601 */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly highestPhase: PowerPhase;
  /** Seconds on battery. */
  readonly onBattery: number;
  readonly nodes: Readonly<Record<string, NodeFate>>;
  /** What is not as it was before, each with what to do. */
  readonly exceptions: readonly string[];
  readonly events: readonly OutageEvent[];
  readonly discharge: readonly DischargePoint[];
}

/** Answer of the query `progress` of `powerGuard`. */
export interface GuardStatus {
  readonly cluster: string;
  readonly ups: string;
  /** ISO 8601; when the verdict last changed. */
  readonly since: string;
  /** Null until the first look. */
  readonly verdict: PowerVerdict | null;
  readonly reading: PowerReading | null;
  /** A run of `powerOutage` is at work and watches the UPS meanwhile. */
  readonly outage: boolean;
}
