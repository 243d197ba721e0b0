import type { HostLine, HostOutcome, HostReport } from '../domain/patch.ts';

/** Lines of hosts as they travel from one run to the next, without the names of their fields. */
export type PackedLine = readonly [
  host: string,
  outcome: HostOutcome,
  reason: string,
  remedy: string | null,
  packages: number,
  keptConffiles: readonly string[],
  rebooted: 0 | 1,
  downSeconds: number | null,
  rebootPending: 0 | 1,
  snapshot: readonly [name: string, until: string | null] | null,
  warnings: readonly string[],
];

/** The first so many warnings of a host travel along. */
const MOST_WARNINGS = 3;

/** What a fleet keeps of the report of one of its hosts. What a host had before it was taken back, it has no more. */
export function lineOf(report: HostReport): HostLine {
  const { host, outcome, reason, remedy, packages, keptConffiles, reboot, rebootPending, snapshot, warnings } = report;
  const isAsBefore = outcome === 'rolled-back';
  return {
    host,
    outcome,
    reason,
    remedy,
    packages: isAsBefore ? 0 : packages.length,
    keptConffiles: isAsBefore ? [] : keptConffiles,
    rebooted: reboot !== null,
    downSeconds: reboot?.downSeconds ?? null,
    rebootPending: !isAsBefore && rebootPending.length > 0,
    snapshot,
    warnings: warnings.slice(0, MOST_WARNINGS),
  };
}

/** A host of which there is nothing to tell but this. */
export function lineWithout(host: string, outcome: HostOutcome, reason: string, remedy: string | null): HostLine {
  return {
    host,
    outcome,
    reason,
    remedy,
    packages: 0,
    keptConffiles: [],
    rebooted: false,
    downSeconds: null,
    rebootPending: false,
    snapshot: null,
    warnings: [],
  };
}

export function packLine(line: HostLine): PackedLine {
  const { host, outcome, reason, remedy, packages, keptConffiles, rebooted, downSeconds, rebootPending } = line;
  const { snapshot, warnings } = line;
  return [
    host,
    outcome,
    reason,
    remedy,
    packages,
    keptConffiles,
    rebooted ? 1 : 0,
    downSeconds,
    rebootPending ? 1 : 0,
    snapshot === null ? null : [snapshot.name, snapshot.until],
    warnings,
  ];
}

export function unpackLine(line: PackedLine): HostLine {
  const [host, outcome, reason, remedy, packages, keptConffiles, rebooted, downSeconds, rebootPending] = line;
  const [, , , , , , , , , snapshot, warnings] = line;
  return {
    host,
    outcome,
    reason,
    remedy,
    packages,
    keptConffiles,
    rebooted: rebooted === 1,
    downSeconds,
    rebootPending: rebootPending === 1,
    snapshot: snapshot === null ? null : { name: snapshot[0], until: snapshot[1] },
    warnings,
  };
}

/** `40 patched, 5 failed`; for people. */
export function describeOutcomes(counts: Readonly<Partial<Record<HostOutcome, number>>>): string {
  const parts = IN_WORDS.flatMap(([outcome, word]) => (counts[outcome] ? [`${counts[outcome]} ${word}`] : []));
  return parts.join(', ') || 'no hosts';
}

const IN_WORDS: readonly (readonly [HostOutcome, string])[] = [
  ['failed', 'failed'],
  ['rolled-back', 'rolled back'],
  ['aborted', 'aborted'],
  ['not-started', 'not started'],
  ['patched', 'patched'],
  ['planned', 'would be patched'],
  ['unchanged', 'unchanged'],
  ['skipped', 'skipped'],
];

/** How many hosts ended in which way. */
export function countOutcomes(lines: readonly HostLine[]): Partial<Record<HostOutcome, number>> {
  const counts: Partial<Record<HostOutcome, number>> = {};
  for (const { outcome } of lines) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
