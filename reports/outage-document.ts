import { describeMilliseconds } from '../domain/duration.ts';
import type { NodeFate, OutageEvent, OutageOutcome, OutageReport } from '../domain/outage.ts';
import type { PowerPhase } from '../domain/power.ts';
import { dischargeOf } from '../planning/discharge.ts';
import { itemsBlock, plain, type Block, type Item, type ReportDocument, type Section, type Text } from './document.ts';
import { count, pointInTime, sentence, timeOfDay } from './words.ts';

export const PHASES: Readonly<Record<PowerPhase, string>> = {
  normal: 'none',
  hold: '1, hold',
  shed: '2, shed',
  final: '3, final',
};

export const FATES: Readonly<Record<NodeFate, Text>> = {
  on: { text: '✔ on', tone: 'good' },
  'off-before': { text: '– off before', tone: 'faint' },
  'guests-stopping': { text: '… guests shut down', tone: 'caution' },
  'going-down': { text: '… going down', tone: 'caution' },
  off: { text: '– off', tone: 'plain' },
  unverified: { text: '! not seen off', tone: 'caution' },
  waking: { text: '… waking', tone: 'caution' },
  back: { text: '✔ back', tone: 'good' },
  missing: { text: '✘ missing', tone: 'bad' },
};

export const OUTCOMES: Readonly<Record<OutageOutcome, Text>> = {
  restored: { text: '✔ all as before', tone: 'good' },
  blip: { text: '✔ nothing was shut down', tone: 'good' },
  'restored-with-exceptions': { text: '✘ not all as before', tone: 'bad' },
  aborted: { text: '✘ ended by a person', tone: 'caution' },
  rehearsed: { text: '✔ rehearsed, nothing was changed', tone: 'good' },
};

/** The report of an outage or of its rehearsal. */
export function outageDocument(report: OutageReport, { longest = Infinity } = {}): ReportDocument {
  const { cluster, ups, outcome, startedAt, endedAt, highestPhase, exceptions } = report;
  return {
    title: outcome === 'rehearsed' ? `Rehearsal of a power cut of ${cluster}` : `Power cut of ${cluster}`,
    outcome: OUTCOMES[outcome],
    summary: [],
    facts: [
      ['Began', pointInTime(startedAt)],
      ['Ended', pointInTime(endedAt)],
      ['UPS', ups],
      ['On battery', timeOnBattery(report)],
      ['Phase reached', PHASES[highestPhase]],
    ],
    sections: [
      ...exceptionsOf(exceptions, longest),
      nodesTable(report.nodes),
      ...(outcome === 'rehearsed' ? [] : [batterySection(report)]),
      ...eventsSection(report.events, longest),
    ],
  };
}

export function timeOnBattery({ onBattery }: { readonly onBattery: number }): string {
  return describeMilliseconds(onBattery * 1_000);
}

function exceptionsOf(exceptions: readonly string[], longest: number): Section[] {
  if (exceptions.length === 0) return [];
  const items = exceptions.map((text): Item => ({ text: `✘ ${sentence(text)}`, tone: 'bad' }));
  const title: Text = { text: `Not as before: ${count(exceptions.length, 'thing')} to look at`, tone: 'bad' };
  return [{ title, blocks: [itemsBlock(items, longest)] }];
}

export function nodesTable(nodes: Readonly<Record<string, NodeFate>>): Section {
  const rows = Object.entries(nodes).map(([node, fate]): Text[] => [plain(node), FATES[fate]]);
  const table: Block = { kind: 'table', columns: [{ title: 'Node' }, { title: 'State' }], rows };
  return { title: plain('Nodes'), blocks: [table] };
}

/** What the outage has shown of the battery. */
function batterySection({ discharge }: OutageReport): Section {
  return { title: plain('Battery'), blocks: [{ kind: 'text', text: describeDischarge(dischargeOf(discharge)) }] };
}

function describeDischarge(model: ReturnType<typeof dischargeOf>): string {
  if ('tooLittle' in model) return sentence(`No runtime can be told from this outage: ${model.tooLittle}`);
  const { percentPerMinute, minutesFromFull, load, promisedFromFull, seenFrom, seenTo, seconds } = model;
  const at = load === null ? 'at its load' : `at ${Math.round(load)} % load`;
  const seen = `From ${Math.round(seenFrom)} to ${Math.round(seenTo)} % in ${describeMilliseconds(seconds * 1_000)}`;
  const rate = `${percentPerMinute.toFixed(1)} % a minute ${at}, which is about ${minutes(minutesFromFull)} from full`;
  const promised =
    promisedFromFull === null ? '' : ` By the first word of the UPS it would be ${minutes(promisedFromFull)}.`;
  return `${seen}: ${rate}.${promised}`;
}

function minutes(amount: number): string {
  return `${Math.round(amount)} min`;
}

/** The log; of a long one its beginning and its end. */
function eventsSection(events: readonly OutageEvent[], longest: number): Section[] {
  if (events.length === 0) return [];
  const tooMany = events.length > longest;
  const half = Math.ceil(longest / 2);
  const first = tooMany ? events.slice(0, half) : events;
  const last = tooMany ? events.slice(events.length - (longest - half)) : [];
  const leftOut = events.length - first.length - last.length;
  const rest = leftOut > 0 ? [plain(`… ${leftOut} more …`)] : [];
  const items = [...first.map(eventItem), ...rest, ...last.map(eventItem)];
  return [{ title: plain('What happened (UTC, and time on battery)'), blocks: [{ kind: 'items', items }] }];
}

export function eventItem({ at, onBattery, text }: OutageEvent): Item {
  return plain(`${timeOfDay(at)}  ${clock(onBattery)}  ${text}`);
}

/** Seconds as `07:05`, `1:02:05`. */
export function clock(seconds: number): string {
  const two = (part: number): string => String(part).padStart(2, '0');
  const whole = Math.max(0, Math.round(seconds));
  const [hours, left] = [Math.floor(whole / 3_600), whole % 3_600];
  const short = `${two(Math.floor(left / 60))}:${two(left % 60)}`;
  return hours > 0 ? `${hours}:${short}` : short;
}
