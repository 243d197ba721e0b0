import type { Duration } from './duration.ts';

/** What the nodes' NUT clients are to do. All times are whole seconds, as upsmon takes them. */
export interface NutMonitor {
  /** Name of the UPS at its NUT server. */
  readonly ups: string;
  readonly host: string;
  readonly port: number;
  /** The nodes' user in upsd.users. */
  readonly user: string;
  /** Between two looks while the mains are on. */
  readonly pollInterval: number;
  /** A UPS that was on battery and is not heard of for so long counts as empty. */
  readonly deadTime: number;
  /** How long a node with a low battery waits for the order of the NUT server before it leaves by itself. */
  readonly hostSync: number;
}

/** Everything that the workflows of the NUT clients go by; without secrets. */
export interface NutClientSettings {
  readonly cluster: string;
  /** Nodes whose turn comes, one after the other. */
  readonly nodes: readonly string[];
  readonly monitor: NutMonitor;
  /** Seconds that a node may need to go down; the NUT server must wait for so long. */
  readonly shutdownBudget: number;
  readonly timeouts: { readonly lease: Duration; readonly workerLost: Duration };
}

/** Input of `provisionNutClients` and `removeNutClients`. */
export interface NutClientsInput {
  /** Only these nodes; absent: all of the configuration. */
  readonly nodes?: readonly string[];
}

export interface FoundFile {
  readonly sha256: string;
  /** `640` */
  readonly mode: string;
  /** `root:nut` */
  readonly owner: string;
  /** Whether it bears our mark. */
  readonly ours: boolean;
}

/** The NUT client of a node as it is. */
export interface FoundNutClient {
  /** Version of the installed package; null: it is not installed. */
  readonly version: string | null;
  /** `MODE` of nut.conf; null: there is none. */
  readonly mode: string | null;
  /** By path; those that are not there are absent. */
  readonly files: Readonly<Record<string, FoundFile>>;
  /** Paths beside which lies what was there before Caretaker. */
  readonly kept: readonly string[];
  readonly active: boolean;
  readonly enabled: boolean;
  /** A change has begun that is neither proved nor taken back. */
  readonly pending: boolean;
  readonly logThere: boolean;
  /** All addresses of the node. */
  readonly addresses: readonly string[];
  /** What `upsc` on the node says of the UPS: its status, or why it cannot tell. */
  readonly ups: { readonly status: string } | { readonly unknown: string };
  /** The last words of upsmon about trouble; empty: none. */
  readonly trouble: string;
}

export type NutClientOutcome = 'changed' | 'unchanged' | 'failed' | 'not-started';

export interface NutClientLine {
  readonly node: string;
  readonly outcome: NutClientOutcome;
  /** What was changed, or why it failed, with what to do. */
  readonly reason: string;
}

export interface NutClientsReport {
  readonly cluster: string;
  readonly task: 'provision' | 'remove';
  /** `ups@192.168.10.164:3493` */
  readonly ups: string;
  readonly outcome: 'done' | 'failed' | 'aborted' | 'refused';
  readonly reason: string;
  readonly clients: readonly NutClientLine[];
  /** Lines for upsmon.conf of the NUT server, where nodes were provisioned. */
  readonly advice: readonly string[];
  /** ISO 8601 */
  readonly startedAt: string;
  readonly endedAt: string;
}

/** Answer of the query `progress`. */
export interface NutClientsProgress {
  readonly task: NutClientsReport['task'];
  readonly startedAt: string;
  readonly waitingFor: string | null;
  /** The node in hand; null: none. */
  readonly inHand: string | null;
  readonly over: readonly NutClientLine[];
}
