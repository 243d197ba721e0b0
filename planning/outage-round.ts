import type { OutagePlan } from '../domain/outage.ts';
import type { PowerPhase, PowerVerdict } from '../domain/power.ts';
import { isAtLeast, laterPhase } from './power-watch.ts';

/** What people have ordered in a round. */
export interface RoundOrders {
  /** Time alone begins no further phase. */
  held: boolean;
  /** The phase that is to begin now, whatever the UPS says. */
  phase: PowerPhase;
  /** No further step is taken. */
  aborted: boolean;
}

/**
 * What counts from the moment in which the mains fail until they fail again during the return. The next round begins with a
 * new one, so that nothing of an earlier round can be left in it; what has to outlive a round is in the outage.
 */
export interface OutageRound {
  /** Counts from 1; part of the ids of its mails. */
  readonly number: number;
  orders: RoundOrders;
  /** By the last look at the site in this round. */
  plan: OutagePlan | null;
  /** ISO 8601: since when time alone asks for a phase, so that maintenance has to make way. */
  waitsSince: string | null;
  /** Maintenance has had its time to reach a safe point, and has not. */
  impatient: boolean;
  /** HA has let go of its watchdogs. */
  watchdogsOff: boolean;
  /** The final phase has gone by what was known, once: from then on it looks at the site. */
  hurried: boolean;
  shedDone: boolean;
  finalDone: boolean;
  /** Nodes that have taken the order to shut down. */
  readonly told: string[];
  /** So many nodes that maintenance was rebooting have come up. */
  arrivals: number;
}

export function beginRound(number: number): OutageRound {
  return {
    number,
    orders: noOrders(),
    plan: null,
    waitsSince: null,
    impatient: false,
    watchdogsOff: false,
    hurried: false,
    shedDone: false,
    finalDone: false,
    told: [],
    arrivals: 0,
  };
}

export function noOrders(): RoundOrders {
  return { held: false, phase: 'normal', aborted: false };
}

/** The phase that the site shall be in now. */
export function phaseWanted(
  { byTime, byNeed }: Pick<PowerVerdict, 'byTime' | 'byNeed'>,
  { orders, impatient }: Pick<OutageRound, 'orders' | 'impatient'>,
  leaseGranted: boolean,
): PowerPhase {
  if (orders.aborted) return 'hold';
  const need = laterPhase(byNeed, orders.phase);
  // Time alone can wait until a node that is being updated is whole again; an empty battery cannot.
  const mayGoByTime = !orders.held && (leaseGranted || impatient);
  return laterPhase(laterPhase(need, 'hold'), mayGoByTime ? byTime : 'hold');
}

/**
 * What is known is good enough when the battery cannot wait; what has moved since goes down with its node. It is so once a
 * round: what did not go is looked for in the site as it is.
 */
export function hurries(round: OutageRound, byNeed: PowerPhase): boolean {
  const does = isAtLeast(byNeed, 'final') && round.plan !== null && !round.hurried;
  round.hurried ||= does;
  return does;
}

/** What to do next; null: nothing, until that changes. */
export function nextPhase(wanted: PowerPhase, { shedDone, finalDone }: OutageRound): 'shed' | 'final' | null {
  if (isAtLeast(wanted, 'final')) return finalDone ? null : 'final';
  return wanted === 'shed' && !shedDone ? 'shed' : null;
}

/** Seconds until what did not go is tried again: never in a hurry, and more rarely with each try. */
export function pauseAfter(tries: number): number {
  return Math.min(30 * 2 ** (tries - 1), 600);
}

/** Outages that count for the loop guard: nobody needs to know of more. */
const RECENT = 10;

/** When nodes were shut down lately, with this round if one was. */
export function withRound(
  recent: readonly string[],
  { told }: Pick<OutageRound, 'told'>,
  now: string,
): readonly string[] {
  return told.length === 0 ? recent : [...recent, now].slice(-RECENT);
}
