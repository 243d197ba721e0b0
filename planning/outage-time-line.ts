import { describeMilliseconds } from '../domain/duration.ts';
import type { NodeShutdown, OutagePlan, PowerSettings } from '../domain/outage.ts';
import type { TimeLine, TimeLineStep } from '../domain/power-plan.ts';
import type { PowerReading, PowerRules } from '../domain/power.ts';
import { describeGuest } from './outage-guests.ts';

/** Nobody plans for a battery that lasts longer than this (seconds). */
const LONGEST = 24 * 3_600;

/**
 * An outage that begins now and does not end, second by second: when each phase begins and why, by when each node is off at
 * the latest, and what the battery is expected to say then.
 *
 * The battery is taken to empty evenly at the load of now; where the draw of the nodes is configured, more slowly once
 * nodes are off. A lead battery lasts longer than that at a lower load, so it errs on the safe side.
 *
 * @param rules With the runtimes of this plan (`rulesFor`).
 */
export function timeLineOf(
  plan: OutagePlan,
  rules: PowerRules,
  settings: PowerSettings,
  reading: PowerReading | null,
): TimeLine {
  const battery = batteryOf(reading, settings);
  const steps: TimeLineStep[] = [];
  const add = (at: number, phase: TimeLineStep['phase'], what: string, because: string | null = null): void => {
    steps.push({ at, phase, what, because, ...battery.at(at) });
  };
  add(0, 'normal', 'the mains fail');
  add(rules.confirm, 'hold', 'phase 1: people are told and maintenance makes way; nothing is shut down');

  const shed = plan.shed.refused === null ? plan.shed.nodes : [];
  const shedBegins = shed.length === 0 ? null : firstMoment('shed', rules, battery);
  const finalBegins = firstMoment('final', rules, battery);
  const shedInTime = shedBegins !== null && shedBegins.at < finalBegins.at ? shedBegins : null;
  const offs = shedInTime === null ? [] : offOneByOne(shedInTime.at, shed);
  for (const { node, at } of offs) battery.without(node, at);
  // Less load moves the thresholds of phase 3 away.
  const final = shedInTime === null ? finalBegins : firstMoment('final', rules, battery);
  if (shedInTime !== null) add(shedInTime.at, 'shed', `phase 2: ${describeShutdowns(shed)}`, shedInTime.because);
  const [inTime, late] = [offs.filter(({ at }) => at < final.at), offs.filter(({ at }) => at >= final.at)];
  for (const { node, at } of inTime) add(at, 'shed', `${node} is off at the latest`);
  const lastOff = offs.at(-1)?.at ?? 0;
  if (plan.shed.expectedVotes !== null && offs.length > 0 && late.length === 0) add(lastOff, 'shed', votesOf(plan));
  const left = shedInTime === null ? [...plan.shed.nodes, ...plan.final.nodes] : plan.final.nodes;
  const going = late.length === 0 ? '' : `; ${late.map(({ node }) => node).join(' and ')} may still be going down`;
  add(final.at, 'final', `phase 3: ${describeShutdowns(left)}${going}`, final.because);
  const allOff = Math.max(lastOff, final.at + Math.max(0, ...left.map(({ budget }) => budget)));
  add(allOff, 'final', 'everything is off at the latest');
  const empty = battery.empty();
  if (empty !== null) add(empty, 'empty', 'the battery would be empty');
  return {
    steps: steps.sort((one, other) => one.at - other.at),
    expectation: battery.expectation,
    warnings: [
      ...tooSoonEmpty(empty, allOff),
      ...neverShed(shed, shedBegins, finalBegins),
      ...atOnce(shedInTime ?? final, rules),
    ],
  };
}

/** Phase 2: a node is off before the next one begins. */
function offOneByOne(begins: number, shed: readonly NodeShutdown[]): { readonly node: string; readonly at: number }[] {
  let at = begins;
  return shed.map(({ node, budget }) => ({ node, at: (at += budget) }));
}

interface Moment {
  readonly at: number;
  readonly because: string;
}

function firstMoment(phase: 'shed' | 'final', rules: PowerRules, battery: Battery): Moment {
  const { after, charge, runtime } = rules[phase];
  for (let at = Math.ceil(Math.max(rules.confirm, rules.stabilization)); at < after; at += 1) {
    const expected = battery.at(at);
    if (expected.charge !== null && charge > 0 && expected.charge <= charge) {
      return { at, because: `the charge falls to ${charge} %` };
    }
    if (expected.runtime !== null && expected.runtime <= runtime) {
      return { at, because: `the battery lasts ${Math.round(runtime)} s or less` };
    }
  }
  return { at: after, because: `${after} s on battery` };
}

/** A battery, and what draws on it. */
interface Battery {
  readonly expectation: string;
  at(second: number): { readonly charge: number | null; readonly runtime: number | null };
  /** From `second` on a node draws nothing. */
  without(node: string, second: number): void;
  /** Second at which it is empty; null where nobody knows. */
  empty(): number | null;
}

function batteryOf(reading: PowerReading | null, { watts }: PowerSettings): Battery {
  const charge = reading !== null && 'value' in reading.charge ? reading.charge.value : null;
  const runtime = reading !== null && 'value' in reading.runtime ? reading.runtime.value : null;
  // Part of the load of now that is left from a second on.
  const loads: { readonly from: number; readonly part: number }[] = [{ from: 0, part: 1 }];
  const partAt = (second: number): number => loads.findLast(({ from }) => from <= second)?.part ?? 1;
  /** Seconds at the load of now that are left. */
  const left = (second: number): number =>
    loads.reduce((rest, { from, part }, index) => {
      const to = Math.min(second, loads[index + 1]?.from ?? second);
      return to > from ? rest - (to - from) * part : rest;
    }, runtime ?? 0);
  return {
    expectation: expectationOf(reading, runtime, watts),
    at(second) {
      if (runtime === null || runtime <= 0) return { charge: null, runtime: null };
      const rest = Math.max(0, left(second));
      return {
        charge: charge === null ? null : Math.round((charge * rest) / runtime),
        runtime: Math.round(rest / partAt(second)),
      };
    },
    without(node, second) {
      const drawn = watts.nodes[node];
      if (watts.total === null || drawn === undefined) return;
      loads.push({ from: second, part: Math.max(0.01, partAt(second) - drawn / watts.total) });
    },
    empty() {
      if (runtime === null || runtime <= 0) return null;
      for (let second = 0; second < LONGEST; second += 1) if (left(second) <= 0) return second;
      return null;
    },
  };
}

function expectationOf(
  reading: PowerReading | null,
  runtime: number | null,
  { total, nodes }: PowerSettings['watts'],
): string {
  if (reading === null) return 'the UPS does not answer, so phases are shown by their times alone';
  if (runtime === null || runtime <= 0) return 'the UPS tells no runtime, so phases are shown by their times alone';
  const known = Object.entries(nodes).map(([node, drawn]) => `${node} ${drawn} W`);
  if (total === null || known.length === 0) {
    return 'the battery is taken to empty at the load of now to the end; with power.ups.watts and power.nodes[].watts, more slowly once nodes are off';
  }
  return `of the load of now (${total} W), what is off draws nothing: ${known.join(', ')}`;
}

/** `pve2 with media, lab`; the guests in the order in which they are told. */
function describeShutdowns(shutdowns: readonly NodeShutdown[]): string {
  const parts = shutdowns.map(({ node, tiers, moves }) => {
    const moving = moves.map(({ guest, to }) => `${describeGuest(guest)} to ${to}`);
    const guests = tiers.map((tier) => tier.map(describeGuest).join(' and ')).join(', then ');
    const stops = guests === '' ? 'no guest' : guests;
    return `${node} (${[...(moving.length === 0 ? [] : [`moves ${moving.join(', ')}`]), `stops ${stops}`].join('; ')})`;
  });
  return parts.length === 0 ? 'nothing is left to shut down' : parts.join(', ');
}

function votesOf({ shed: { expectedVotes } }: OutagePlan): string {
  return expectedVotes === null
    ? ''
    : `${expectedVotes.node} expects ${expectedVotes.votes} instead of ${expectedVotes.before} votes until the others are back`;
}

function tooSoonEmpty(empty: number | null, allOff: number): string[] {
  if (empty === null || empty > allOff) return [];
  return [
    `the battery may be empty ${describeMilliseconds((allOff - empty) * 1_000)} before everything is off: let the phases begin earlier (power.shed, power.final), or give guests less time (power.guests.timeout)`,
  ];
}

function neverShed(shed: readonly NodeShutdown[], begins: Moment | null, final: Moment): string[] {
  if (shed.length === 0 || begins === null || begins.at < final.at) return [];
  return [
    `phase 2 has no time of its own: phase 3 begins as early (${final.because}). All nodes go down together; set power.shed and power.final further apart, or take load off the UPS`,
  ];
}

/** A battery that is too small for the phases to have their times. */
function atOnce({ at, because }: Moment, { confirm, stabilization }: PowerRules): string[] {
  if (at > Math.max(confirm, stabilization)) return [];
  return [
    `nothing is left of phase 1: ${because} as soon as the UPS is believed. Take load off it, or set power.shed.runtime and power.final.runtime`,
  ];
}
