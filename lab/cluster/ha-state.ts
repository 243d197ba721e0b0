import type { HaRequest } from '../site.ts';

/** Node states of the cluster resource manager (CRM). */
export type HaNodeState = 'online' | 'maintenance' | 'unknown' | 'fence' | 'gone';

/** Service states of the CRM. */
export type ServiceState =
  | 'request_start'
  | 'started'
  | 'request_stop'
  | 'stopped'
  | 'migrate'
  | 'relocate'
  | 'freeze'
  | 'fence'
  | 'recovery'
  | 'error';

/** What an operator configured for one guest (`/cluster/ha/resources/{sid}`). */
export interface HaResource {
  readonly sid: string;
  readonly vmid: number;
  state: HaRequest;
  maxRestart: number;
  maxRelocate: number;
  failback: boolean;
  comment: string | undefined;
}

/** One line of the CRM's service table. */
export interface ServiceStatus {
  node: string;
  state: ServiceState;
  /** New at every change of state; an LRM answers to it. */
  uid: string;
  target?: string;
  /** Node the service left because of maintenance and goes back to. */
  maintenanceNode?: string;
  /** Queued `migrate` or `relocate` that the CRM has taken but not begun. */
  command?: { readonly verb: 'migrate' | 'relocate'; readonly target: string };
}

export type LrmMode = 'active' | 'maintenance' | 'restart' | 'shutdown' | 'disarm';
/** HA switched off for the whole cluster (since 9.2): services stay as they are, or are no business of HA's. */
export interface Disarm {
  readonly mode: 'freeze' | 'ignore';
  /** `disarming` until every LRM has let go of its lock and watchdog. */
  state: 'disarming' | 'disarmed';
}

export type LrmState = 'wait_for_agent_lock' | 'active' | 'maintenance' | 'lost_agent_lock';

/** One node's local resource manager as written to pmxcfs. Times in virtual milliseconds. */
export interface LrmStatus {
  mode: LrmMode;
  state: LrmState;
  timestamp: number;
  idleRounds: number;
  /** Outcome by service uid of workers that have ended: true for success. */
  results: Record<string, { readonly sid: string; readonly ok: boolean }>;
}

export function newLrm(now: number): LrmStatus {
  return { mode: 'active', state: 'wait_for_agent_lock', timestamp: now, idleRounds: 0, results: {} };
}

/** Virtual milliseconds (pve-ha-manager: CRM.pm, LRM.pm, Env/PVE2.pm, watchdog-mux.c). */
export const HA_TIMES = {
  activeRound: 10_000,
  idleRound: 5_000,
  /** A node must be away this long before the CRM thinks of fencing. */
  fenceDelay: 60_000,
  /** Lifetime of the agent and manager locks. */
  lock: 120_000,
  /** The watchdog resets a node whose LRM could not renew its lock for this long. */
  watchdog: 60_000,
} as const;

/** Idle rounds after which an LRM gives up its lock. */
export const LRM_IDLE_ROUNDS = 60;
export const CRM_IDLE_ROUNDS = 90;
