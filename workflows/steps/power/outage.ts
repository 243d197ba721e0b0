import { CancellationScope, condition } from '@temporalio/workflow';
import type { Act, OutagePlan, PowerGate, PowerSettings, SiteBefore } from '../../../domain/outage.ts';
import type { DischargePoint, PowerPhase } from '../../../domain/power.ts';
import { isAway } from '../../../planning/node-fate.ts';
import { isAtLeast, laterPhase } from '../../../planning/power-watch.ts';
import { orFailed } from './activities.ts';
import type { ClusterLease } from './cluster-lease.ts';
import type { OutageJournal } from './journal.ts';
import type { NoticeTeller } from './notices.ts';
import type { OutageOrders } from './orders.ts';
import type { PowerWatcher } from './watcher.ts';

/** What this run has changed and has to put back. Entries are made before the change. */
export interface OutageChanges {
  /** vmids of guests that were told to shut down. */
  readonly guests: Set<number>;
  readonly moved: Map<number, { readonly from: string; readonly to: string }>;
  haDisarmed: boolean;
  expectedVotes: { readonly node: string; readonly before: number } | null;
}

/** One outage with all that its steps go by. */
export interface Outage {
  readonly id: string;
  readonly settings: PowerSettings;
  readonly power: PowerWatcher;
  readonly orders: OutageOrders;
  readonly lease: ClusterLease;
  readonly journal: OutageJournal;
  readonly notices: NoticeTeller;
  /** ISO 8601: when earlier outages shut nodes down. */
  readonly recent: readonly string[];
  readonly changes: OutageChanges;
  readonly rehearsal: boolean;
  /** What the site was when the outage began; null while nothing could be read. */
  site: SiteBefore | null;
  plan: OutagePlan | null;
  /** Maintenance has had its time to reach a safe point. */
  patient: boolean;
  /** HA has let go of its watchdogs in this round. */
  haDisarmed: boolean;
  /** Counts up when the mains fail again during the return. */
  round: number;
  /** The final phase has begun with what was known, and has not looked again yet. */
  hurried: boolean;
  shedDone: boolean;
  finalDone: boolean;
  /** What was seen of the battery before the watch was handed on, for it begins anew there. */
  discharge: readonly DischargePoint[];
  /** There was something to bring back. */
  changed: boolean;
  /** A person has ended the return. */
  ended: boolean;
}

/** The phase that the site shall be in now. */
export function phaseWanted({ power, orders, lease, patient }: Outage): PowerPhase {
  if (orders.aborted) return 'hold';
  const need = laterPhase(power.verdict.byNeed, orders.phase);
  // Time alone can wait until a node that is being updated is whole again; an empty battery cannot.
  const mayGoByTime = !orders.held && (lease.granted || patient);
  return laterPhase(laterPhase(need, 'hold'), mayGoByTime ? power.verdict.byTime : 'hold');
}

export function wantsFinal(outage: Outage): boolean {
  return isAtLeast(phaseWanted(outage), 'final');
}

export function gateOf({ settings, power, rehearsal }: Outage): PowerGate {
  return { ups: settings.ups, blind: power.verdict.blind, boot: power.boot, rehearsal };
}

/** How a step ended: as its act did, or because the mains are back, or because something else goes before it. */
export type StepEnd = 'done' | 'failed' | 'returned' | 'interrupted';

/** Between two tries of a step that the UPS's own word kept from acting. */
const LOOK_AGAIN = '2 seconds';

/**
 * Takes a step against the outage for as long as there is one. The act looks at the UPS itself; when it sees the mains,
 * the step waits until the watch knows whether they have come to stay.
 *
 * @param interrupted What goes before this step: an act under way is left alone then.
 */
export async function against(
  outage: Outage,
  what: string,
  act: (gate: PowerGate) => Promise<Act>,
  interrupted: () => boolean,
): Promise<StepEnd> {
  const { power, journal, orders } = outage;
  const stop = (): boolean => orders.aborted || interrupted();
  for (;;) {
    await condition(() => power.verdict.mains !== 'back' || stop());
    if (power.verdict.mains !== 'out') return 'returned';
    if (stop()) return 'interrupted';
    const { news } = power;
    const ended = await unless(stop, () => orFailed(act(gateOf(outage))));
    if (ended === null) return 'interrupted';
    journal.note(`${what}: ${ended.words}`);
    if (ended.outcome === 'done' || ended.outcome === 'failed') return ended.outcome;
    await condition(() => power.news > news || stop(), LOOK_AGAIN);
  }
}

/** What the work comes to, or null when something else goes before it; then it is cancelled. */
export async function unless<T>(stop: () => boolean, work: () => Promise<T>): Promise<T | null> {
  const scope = new CancellationScope({ cancellable: true });
  const running = scope.run(work);
  running.catch(() => undefined);
  const ended = await Promise.race([running, condition(stop).then(() => null)]);
  if (ended === null) scope.cancel();
  return ended;
}

/** There is something to bring back. */
export function isChanged({ changes, journal }: Outage): boolean {
  const { guests, moved, haDisarmed, expectedVotes } = changes;
  const down = Object.values(journal.progress.nodes).some(isAway);
  return down || guests.size > 0 || moved.size > 0 || haDisarmed || expectedVotes !== null;
}
