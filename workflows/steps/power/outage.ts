import type { PowerSettings, SiteBefore } from '../../../domain/outage.ts';
import type { DischargePoint, PowerPhase, PowerWatch } from '../../../domain/power.ts';
import { isAway } from '../../../planning/node-fate.ts';
import type { OutageChanges } from '../../../planning/outage-changes.ts';
import { phaseWanted, type OutageRound } from '../../../planning/outage-round.ts';
import { isAtLeast } from '../../../planning/power-watch.ts';
import type { ClusterLease } from './cluster-lease.ts';
import type { OutageJournal } from './journal.ts';
import type { NoticeTeller } from './notices.ts';
import type { PowerWatcher } from './watcher.ts';

/** What an outage knows and has done, as plain data: a run whose history grows long hands it to the next. */
export interface OutageMemory {
  /** All that counts until the mains fail again; then there is another. */
  round: OutageRound;
  /** As it was before: what has to be so again. */
  site: SiteBefore | null;
  readonly changes: OutageChanges;
  /** ISO 8601: when nodes were shut down lately, in this outage and before. */
  recent: readonly string[];
  /** What was seen of the battery before the watch was handed on, for it begins anew there. */
  discharge: readonly DischargePoint[];
  /** There was something to bring back. */
  changed: boolean;
}

/** One outage with all that its steps go by. */
export interface Outage extends OutageMemory {
  readonly id: string;
  readonly settings: PowerSettings;
  readonly power: PowerWatcher;
  readonly lease: ClusterLease;
  readonly journal: OutageJournal;
  readonly notices: NoticeTeller;
  readonly rehearsal: boolean;
}

export function memoryOf({ round, site, changes, recent, discharge, changed }: Outage): OutageMemory {
  return { round, site, changes, recent, discharge, changed };
}

/** Points that are kept over all rounds; the watch keeps those of one. */
const DISCHARGE_POINTS = 360;

/** The discharge so far, with what the watch has seen of it. */
export function seenOf({ discharge }: Outage, watch: Pick<PowerWatch, 'discharge'>): readonly DischargePoint[] {
  return [...discharge, ...watch.discharge].slice(-DISCHARGE_POINTS);
}

export function phaseOf({ power, round, lease }: Outage): PowerPhase {
  return phaseWanted(power.verdict, round, lease.granted);
}

export function wantsFinal(outage: Outage): boolean {
  return isAtLeast(phaseOf(outage), 'final');
}

/** There is something to bring back. */
export function isChanged({ changes, journal }: Outage): boolean {
  const { guests, moved, haDisarmed, expectedVotes } = changes;
  const down = Object.values(journal.fates).some(isAway);
  return down || guests || moved.length > 0 || haDisarmed || expectedVotes !== null;
}
