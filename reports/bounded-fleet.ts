import type { FleetReport, HostLine, HostOutcome } from '../domain/patch.ts';
import { sizeOf } from './bounded.ts';

/** Half of what Temporal takes as a payload, for a result travels with more than itself. */
export const MOST_FLEET_BYTES = 1_000_000;

/** Longest texts of a line that are tried in turn until all lines fit. */
const LONGEST_TEXTS = [600, 300, 150, 80];

/** Conffiles of a host that are named. */
const MOST_CONFFILES = 20;

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
  const reason = shorten(report.reason, LONGEST_TEXTS[0]);
  const hosts = boundedLines(report.hosts, limit - sizeOf({ ...report, reason, hosts: [] }));
  const whole = { ...report, reason, hosts };
  return sizeOf(whole) <= limit ? whole : withoutDispensable(whole, limit);
}

/** Lines with texts so short that all of them fit; as short as they may be where that is not enough. */
export function boundedLines(lines: readonly HostLine[], limit: number): readonly HostLine[] {
  let cut = lines;
  for (const longest of LONGEST_TEXTS) {
    cut = lines.map((line) => boundedLine(line, longest));
    if (sizeOf(cut) <= limit) break;
  }
  return cut;
}

export function boundedLine(line: HostLine, longest = LONGEST_TEXTS[0]): HostLine {
  const { reason, remedy, keptConffiles } = line;
  const kept = keptConffiles.slice(0, MOST_CONFFILES).map((path) => shorten(path, longest));
  const others = keptConffiles.length - kept.length;
  return {
    ...line,
    reason: shorten(reason, longest),
    remedy: remedy === null ? null : shorten(remedy, longest),
    keptConffiles: others > 0 ? [...kept, `and ${others} more`] : kept,
  };
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

function shorten(text: string, longest = Infinity): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 2)} …`;
}
