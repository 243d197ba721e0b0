import type { FleetPolicy, HostOutcome } from '../domain/patch.ts';

/** Where the run of a group stands. */
export interface FleetState {
  /** In the order of their turns. */
  readonly hosts: readonly string[];
  readonly policy: FleetPolicy;
  /** Hosts of which no two are ever in hand at the same time. */
  readonly neverTogether: readonly (readonly string[])[];
  readonly inHand: ReadonlySet<string>;
  readonly over: ReadonlyMap<string, HostOutcome>;
  /** Hosts that ended badly earlier, in another group of the same run. */
  readonly badBefore: readonly string[];
}

/** What is done next. */
export interface FleetTurn {
  readonly begin: readonly string[];
  /** These do not get a turn any more. */
  readonly leave: readonly { readonly host: string; readonly reason: string }[];
}

/**
 * Which hosts are begun next and which are given up, in their order. A host that has to wait for another one of its set
 * does not hold up those after it. Nothing to begin and nothing to leave while hosts are in hand: wait for one of them.
 */
export function nextHosts({ hosts, policy, neverTogether, inHand, over, badBefore }: FleetState): FleetTurn {
  const partners = partnersIn(neverTogether);
  const ended = (is: (outcome: HostOutcome) => boolean) =>
    [...over].filter(([, outcome]) => is(outcome)).map(([host]) => host);
  const bad = new Set([...ended(holdsPartnersBack), ...badBefore]);
  const stop = whyStop(policy, ended(isBad));
  const busy = new Set(inHand);
  const begin: string[] = [];
  const leave: { host: string; reason: string }[] = [];
  const room = widthOf(policy, hosts.length);
  for (const host of hosts) {
    if (over.has(host) || inHand.has(host)) continue;
    const reason = whyLeave(host, { bad, partners }) ?? stop;
    if (reason !== null) leave.push({ host, reason });
    else if (busy.size < room && ![...(partners.get(host) ?? [])].some((other) => busy.has(other))) {
      begin.push(host);
      busy.add(host);
    }
  }
  return { begin, leave };
}

/** Temporal lets a run have 2,000 children at a time, and nobody's storage likes more upgrades than this. */
export const MOST_IN_HAND = 100;

/** Hosts at a time, `MOST_IN_HAND` at most; a share is rounded down, and is at least one. */
export function widthOf({ serial }: FleetPolicy, hosts: number): number {
  const width = typeof serial === 'number' ? serial : Math.floor((hosts * Number(serial.slice(0, -1))) / 100);
  return Math.min(MOST_IN_HAND, Math.max(1, width));
}

/** Whether others of its set are left alone after it: nobody knows whether it is well. */
export function holdsPartnersBack(outcome: HostOutcome): boolean {
  return isBad(outcome) || outcome === 'aborted';
}

/** Whether it counts as a failure, and a person has to look at the host. */
export function isBad(outcome: HostOutcome): boolean {
  return outcome === 'failed' || outcome === 'rolled-back';
}

function partnersIn(sets: FleetState['neverTogether']): Map<string, Set<string>> {
  const partners = new Map<string, Set<string>>();
  for (const set of sets) {
    for (const host of set) {
      const known = partners.get(host) ?? new Set();
      for (const other of set) if (other !== host) known.add(other);
      partners.set(host, known);
    }
  }
  return partners;
}

function whyLeave(
  host: string,
  { bad, partners }: { readonly bad: ReadonlySet<string>; readonly partners: ReadonlyMap<string, ReadonlySet<string>> },
): string | null {
  if (bad.has(host)) return 'it ended badly earlier in this run';
  const culprit = [...(partners.get(host) ?? [])].find((other) => bad.has(other));
  return culprit === undefined ? null : `${culprit} ended badly, and the two must not be away together`;
}

function whyStop({ continueOnError, maxFailures }: FleetPolicy, bad: readonly string[]): string | null {
  if (bad.length === 0) return null;
  if (!continueOnError) return `${bad[0]} ended badly, and no host is begun after that (continueOnError)`;
  if (maxFailures === null || bad.length < maxFailures) return null;
  return `${bad.length} ${bad.length === 1 ? 'host' : 'hosts'} ended badly, and no more are risked (maxFailures)`;
}
