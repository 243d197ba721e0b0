import type { GuestKind, PackageUpdate } from './cluster.ts';

export type QuorumVerdict = 'keeps-quorum' | 'read-only-while-away' | 'loses-quorum' | 'would-fence';

export interface QuorumForecast {
  readonly verdict: QuorumVerdict;
  readonly votesLeft: number;
  readonly votesNeeded: number;
  /** One sentence for people: what will happen and why. */
  readonly explanation: string;
}

/** Why a run does not start or does not go on; all of them are found before anything is touched. */
export interface Refusal {
  readonly code:
    | 'node-offline'
    | 'not-quorate'
    | 'would-fence'
    | 'loses-quorum'
    | 'foreign-maintenance'
    | 'unknown-node'
    | 'guest-locked'
    | 'guest-cannot-move'
    | 'guest-refused'
    | 'own-guest'
    | 'no-capacity';
  readonly node: string;
  readonly vmid?: number;
  readonly message: string;
  readonly remedy: string;
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
}

export interface NodePlan {
  readonly node: string;
  readonly action: 'update' | 'reboot' | 'skip';
  /** Why this action, for people. */
  readonly reason: string;
  readonly packages: readonly PackageUpdate[];
  readonly rebootExpected: boolean;
  /** Set the HA maintenance flag around the update. */
  readonly maintenance: boolean;
  readonly quorum: QuorumForecast;
  readonly moves: readonly GuestMove[];
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly string[];
  readonly expectedMilliseconds: number;
}

export interface RollPlan {
  readonly cluster: string;
  /** In the order in which they will be handled. */
  readonly nodes: readonly NodePlan[];
}
