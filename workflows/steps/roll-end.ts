import { ApplicationFailure, CancelledFailure } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { Finding } from '../../domain/finding.ts';
import type { RollPlan } from '../../domain/plan.ts';
import type { NodeReport, RollOutcome, RollReport } from '../../domain/report.ts';
import { describeFindings } from '../../planning/findings.ts';
import { explain, failureType, nodeReportIn, isAskedFor } from './failures.ts';
import type { Operator } from './operator.ts';
import type { RollJournal } from './roll-journal.ts';
import { describeOutcome } from './run-attributes.ts';

/** Writes the report and makes the outcome searchable. */
export function conclude(journal: RollJournal, outcome: RollOutcome, reason: string): RollReport {
  describeOutcome(outcome);
  return journal.end(outcome, reason);
}

/** @param swept Nodes whose maintenance flag, left by an earlier run, was taken off before. */
export function refuseRoll(
  journal: RollJournal,
  blockers: readonly Finding[],
  swept: readonly string[],
): ApplicationFailure {
  const why = describeFindings(blockers);
  const but = swept.length === 0 ? '' : ` but the maintenance flag of ${swept.join(', ')}`;
  return failure(ErrorType.Refused, `Nothing was touched${but}: ${why}.`, conclude(journal, 'refused', why));
}

/** After a wait for the next maintenance window: what was well at the start no longer is. */
export function refuseToGoOn(blockers: readonly Finding[]): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.Refused,
    message: `Planned again in the maintenance window, and not gone on: ${describeFindings(blockers)}.`,
    nonRetryable: true,
  });
}

/** What to throw when a roll cannot go on. A canceled run ends as canceled; the query `report` tells its report. */
export function endRollBadly(
  error: unknown,
  journal: RollJournal,
  operator: Operator,
): ApplicationFailure | CancelledFailure {
  const node = nodeReportIn(error);
  if (node) journal.finished(node);
  const reason = explain(error);
  const { outcome, type } = classify(error, journal);
  const report = conclude(journal, outcome, reason);
  return operator.cancelled ? new CancelledFailure(reason) : failure(type, reason, report, error);
}

function classify(error: unknown, journal: RollJournal): { outcome: RollOutcome; type: ErrorType } {
  if (isAskedFor(error)) {
    return { outcome: 'aborted', type: ErrorType.Aborted };
  }
  const untouched = journal.finishedNodes().every(isUntouched);
  if (failureType(error) === ErrorType.Refused && untouched) return { outcome: 'refused', type: ErrorType.Refused };
  return { outcome: 'failed', type: ErrorType.RollFailed };
}

/** A node that was left out after trouble has been drained before. */
function isUntouched({ outcome, phases }: NodeReport): boolean {
  if (outcome !== 'refused' && outcome !== 'skipped') return false;
  return !phases.some(({ phase }) => phase === 'maintenance' || phase === 'draining');
}

function failure(type: ErrorType, message: string, report: RollReport, cause?: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    message,
    nonRetryable: true,
    details: [report],
    ...(cause instanceof Error ? { cause } : {}),
  });
}

export function describePlan(plan: RollPlan, blockers: number): string {
  const busy = plan.nodes.filter((node) => node.action !== 'skip').length;
  const verdict = blockers > 0 ? `it would be refused for ${blockers} reason${blockers === 1 ? '' : 's'}` : 'it may go';
  return `dry run: ${busy} of ${plan.nodes.length} nodes have something to do, and ${verdict}`;
}

export function describeEnd(nodes: readonly NodeReport[]): string {
  const updated = nodes.filter((node) => node.outcome === 'updated');
  const rebooted = updated.filter((node) => node.reboot !== null).length;
  return `${updated.length} of ${nodes.length} nodes updated, ${rebooted} rebooted`;
}
