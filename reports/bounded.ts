import type { NodePlan } from '../domain/plan.ts';
import type { NodeReport, RollReport } from '../domain/report.ts';
import { weight } from './node-section.ts';

/** Temporal warns of payloads from 256 KiB on and refuses 2 MiB; the result of a run travels with more than itself. */
export const MOST_BYTES = 200_000;

/** Entries of a list that are tried in turn until the report fits. */
const LENGTHS = [Infinity, 200, 100, 50, 25, 10, 5];

/** Longest text of a reason or a warning; the log on the node has the rest. */
const LONGEST_TEXT = 1_000;

/**
 * The report within `limit` bytes of JSON: lists of packages, guests, moves and findings are cut, the same for every node,
 * and say how much is left out. Guests that are not in their place, or were down longest, stay. What is still to be
 * undone is never cut.
 */
export function bounded(report: RollReport, limit = MOST_BYTES): RollReport {
  let cut = report;
  for (const length of LENGTHS) {
    cut = cutTo(report, length);
    if (sizeOf(cut) <= limit) return cut;
  }
  return cut;
}

export function sizeOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

function cutTo(report: RollReport, length: number): RollReport {
  return {
    ...report,
    reason: shorten(report.reason),
    plan: report.plan && {
      ...report.plan,
      findings: report.plan.findings.slice(0, length),
      nodes: report.plan.nodes.map((node) => cutPlan(node, length)),
    },
    nodes: report.nodes.map((node) => cutNode(node, length)),
    warnings: cutWarnings(report.warnings, length),
  };
}

function cutNode(node: NodeReport, length: number): NodeReport {
  const packages = node.packages.slice(0, length);
  const guests = new Set([...node.guests].sort((a, b) => weight(b) - weight(a)).slice(0, length));
  const leftOut = {
    packages: node.packages.length - packages.length,
    guests: node.guests.length - guests.size,
  };
  return {
    ...node,
    reason: shorten(node.reason),
    packages,
    guests: node.guests.filter((guest) => guests.has(guest)),
    warnings: cutWarnings(node.warnings, length),
    decisions: node.decisions
      .slice(-length)
      .map((decision) => ({ ...decision, question: { ...decision.question, text: shorten(decision.question.text) } })),
    openUndo: node.openUndo.map((open) => ({ ...open, reason: shorten(open.reason) })),
    ...(leftOut.packages + leftOut.guests > 0 ? { leftOut } : {}),
  };
}

function cutPlan(node: NodePlan, length: number): NodePlan {
  const packages = node.packages.slice(0, length);
  const moves = node.moves.slice(0, length);
  // Blockers decide about the run, warnings do not.
  const findings = [...node.findings]
    .sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'))
    .slice(0, length);
  const leftOut = {
    packages: node.packages.length - packages.length,
    moves: node.moves.length - moves.length,
    findings: node.findings.length - findings.length,
  };
  const some = leftOut.packages + leftOut.moves + leftOut.findings > 0;
  return { ...node, packages, moves, findings, ...(some ? { leftOut } : {}) };
}

function cutWarnings(warnings: readonly string[], length: number): string[] {
  const kept = warnings.slice(0, length).map(shorten);
  const rest = warnings.length - kept.length;
  return rest > 0 ? [...kept, `and ${rest} more warnings`] : kept;
}

function shorten(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)} …`;
}
