import type { GuestKind, PackageUpdate } from './cluster.ts';
import type { Finding } from './finding.ts';

export type QuorumVerdict = 'keeps-quorum' | 'read-only-while-away' | 'loses-quorum' | 'would-fence';

export interface QuorumForecast {
  readonly verdict: QuorumVerdict;
  readonly votesLeft: number;
  readonly votesNeeded: number;
  /** One sentence for people: what will happen and why. */
  readonly explanation: string;
  /** So it is because HA will be disarmed for the reboot. */
  readonly disarmHa?: true;
}

/** How a guest leaves its node: `live` and `restart` by a migration of ours, `ha` by the HA manager. */
export type MoveKind = 'live' | 'restart' | 'ha' | 'shutdown' | 'leave';

export interface GuestMove {
  readonly vmid: number;
  readonly kind: GuestKind;
  readonly name: string;
  readonly how: MoveKind;
  /** Node it goes to; null for `shutdown` and `leave`, a guess of ours for `ha`. */
  readonly target: string | null;
  readonly maxMemory: number;
  readonly withLocalDisks: boolean;
  /** Place in the order in which Proxmox starts guests and, reversed, shuts them down; null without one. */
  readonly startupOrder: number | null;
  /** Its disks are replicated, and are so once more before it moves. */
  readonly replicated: boolean;
}

/** A new kernel that is booted once, and the one that is booted again unless the node then proves well. */
export interface KernelCanary {
  readonly tries: string;
  readonly fallback: string;
}

export interface NodePlan {
  readonly node: string;
  readonly action: 'update' | 'reboot' | 'skip';
  /** Why this action, for people. */
  readonly reason: string;
  readonly packages: readonly PackageUpdate[];
  readonly rebootExpected: boolean;
  /** Absent where no new kernel is expected, and where the policy boots it without a trial. */
  readonly canary?: KernelCanary;
  /** Set the HA maintenance flag around the update. */
  readonly maintenance: boolean;
  readonly quorum: QuorumForecast;
  readonly moves: readonly GuestMove[];
  readonly findings: readonly Finding[];
  readonly expectedMilliseconds: number;
  /** Entries of the lists above that a report has no room for. */
  readonly leftOut?: { readonly packages: number; readonly moves: number; readonly findings: number };
}

export interface RollPlan {
  readonly cluster: string;
  /** Those that concern more than the node whose turn it is; empty where no node has anything to do. */
  readonly findings: readonly Finding[];
  /** In the order in which they will be handled. */
  readonly nodes: readonly NodePlan[];
}
