import type { FleetReport, HostLine, HostOutcome } from '../domain/patch.ts';
import { sizeOf } from './bounded.ts';

/** Half of what Temporal takes as a payload, for a result travels with more than itself. */
export const MOST_FLEET_BYTES = 1_000_000;

interface Limits {
  /** Longest text. */
  readonly text: number;
  /** Most entries of a list: conffiles, warnings. */
  readonly list: number;
}

const WIDEST: Limits = { text: 600, list: 20 };

/** How much a line may say; tried in turn until all lines fit. */
const LIMITS: readonly Limits[] = [WIDEST, { text: 300, list: 10 }, { text: 150, list: 3 }, { text: 80, list: 0 }];

const SOME_OTHERS = 'some that are not named here';

/** Hosts that are only counted where not all can be named, the least telling first. */
const DISPENSABLE: readonly HostOutcome[] = [
  'unchanged',
  'planned',
  'skipped',
  'not-started',
  'patched',
  'aborted',
  'rolled-back',
  'failed',
];

/** The report within `limit` bytes of JSON: texts become shorter, then hosts of which there is little to tell are counted. */
export function boundedFleet(report: FleetReport, limit = MOST_FLEET_BYTES): FleetReport {
  const reason = shorten(report.reason, WIDEST.text);
  const hosts = boundedLines(report.hosts, limit - sizeOf({ ...report, reason, hosts: [] }));
  const whole = { ...report, reason, hosts };
  return sizeOf(whole) <= limit ? whole : withoutDispensable(whole, limit);
}

/** Lines with texts so short that all of them fit; as short as they may be where that is not enough. */
export function boundedLines(lines: readonly HostLine[], limit: number): readonly HostLine[] {
  let cut = lines;
  for (const limits of LIMITS) {
    cut = lines.map((line) => boundedLine(line, limits));
    if (sizeOf(cut) <= limit) break;
  }
  return cut;
}

export function boundedLine(line: HostLine, limits = WIDEST): HostLine {
  const { reason, remedy, keptConffiles, warnings } = line;
  return {
    ...line,
    reason: shorten(reason, limits.text),
    remedy: remedy === null ? null : shorten(remedy, limits.text),
    keptConffiles: shortenList(keptConffiles, limits),
    warnings: shortenList(warnings, limits),
  };
}

function shortenList(list: readonly string[], { text, list: most }: Limits): string[] {
  const kept = list.slice(0, most).map((each) => shorten(each, text));
  // Without a number, which would be wrong once a cut list is cut again.
  return list.length > most ? [...kept, SOME_OTHERS] : kept;
}

function withoutDispensable(report: FleetReport, limit: number): FleetReport {
  const hosts = [...report.hosts];
  const unnamed: Partial<Record<HostOutcome, number>> = {};
  let excess = sizeOf(report) + 200 - limit;
  for (const outcome of DISPENSABLE) {
    for (let index = hosts.length - 1; index >= 0 && excess > 0; index -= 1) {
      const line = hosts[index];
      if (line?.outcome !== outcome) continue;
      hosts.splice(index, 1);
      unnamed[outcome] = (unnamed[outcome] ?? 0) + 1;
      excess -= sizeOf(line) + 1;
    }
  }
  return { ...report, hosts, unnamed };
}

function shorten(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 2)} …`;
}
