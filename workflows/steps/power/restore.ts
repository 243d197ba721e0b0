import type { RunRef } from '../../../domain/lease.ts';
import type { NodeBefore, PowerSettings, SiteBefore } from '../../../domain/outage.ts';
import { isAway } from '../../../planning/node-fate.ts';
import type { OutageChanges } from '../../../planning/outage-changes.ts';
import type { OutageJournal } from './journal.ts';
import type { NoticeTeller } from './notices.ts';
import type { RestoreOrders } from './orders.ts';
import type { PowerWatcher } from './watcher.ts';

/**
 * What a return has done, as plain data. What was as before once is people's business from then on: it is not done a second
 * time, however long the rest takes.
 */
export interface RestoreMemory {
  /** ISO 8601; when it began to wait for mains and battery. */
  readonly since: string;
  /** Nodes may be woken. */
  open: boolean;
  /** A person wants nodes woken although the battery is not charged. */
  chargeWaived: boolean;
  tries: number;
  /** ISO 8601: when it is tried again; null: now. */
  waitsUntil: string | null;
  /** vmids of guests that were seen running. */
  readonly running: number[];
  /** Changes that were taken back. */
  readonly takenBack: string[];
  /** What is not as before, as of the last try. */
  exceptions: readonly string[];
}

/** One return with all that its steps go by. */
export interface Restore {
  readonly id: string;
  readonly lease: RunRef;
  readonly settings: PowerSettings;
  readonly site: SiteBefore | null;
  readonly changes: OutageChanges;
  /** ISO 8601: when outages shut nodes down lately. */
  readonly recent: readonly string[];
  readonly power: PowerWatcher;
  readonly journal: OutageJournal;
  readonly notices: NoticeTeller;
  readonly orders: RestoreOrders;
  readonly rehearsal: boolean;
  readonly memory: RestoreMemory;
}

/** A new outage has begun; a blip is none. */
export function isLost({ power, rehearsal }: Restore): boolean {
  const { byTime, byNeed } = power.verdict;
  return !rehearsal && (byTime !== 'normal' || byNeed !== 'normal');
}

/** Nodes that have to be there again. */
export function nodesBefore({ site, settings }: Restore): NodeBefore[] {
  // Nobody could say what ran before: whatever is configured is wanted.
  if (site === null) return settings.nodes.map((name) => ({ name, online: true, votes: 1, memory: 0, health: null }));
  return site.nodes.filter(({ name, online }) => online && settings.nodes.includes(name));
}

/** Nodes of before that are not there, as far as is known. */
export function nodesAway(restore: Restore): string[] {
  const { fates } = restore.journal;
  return nodesBefore(restore).flatMap(({ name }) => (isAway(fates[name] ?? 'on') ? [name] : []));
}

/** For the report of a return that a person has ended. */
export function stillMissing({ journal, memory, site, changes }: Restore): readonly string[] {
  if (memory.exceptions.length > 0) return memory.exceptions;
  const away = Object.entries(journal.fates).filter(([, fate]) => isAway(fate));
  const down = site?.guests.filter(({ vmid, running }) => running && !memory.running.includes(vmid)) ?? [];
  const areTold = changes.guests || away.length > 0;
  return [
    'The return was ended before it was over.',
    ...away.map(([node, fate]) => `${node} was left as it is: ${fate}`),
    ...(areTold ? down.map(({ name, vmid }) => `${name} (${vmid}) was not seen running again`) : []),
  ];
}
