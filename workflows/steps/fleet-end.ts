import { ApplicationFailure, CancelledFailure, workflowInfo } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { FleetOutcome, FleetReport, HostLine, WeeklyReport } from '../../domain/patch.ts';
import { isBad } from '../../planning/fleet.ts';
import { countOutcomes, describeOutcomes } from '../../planning/host-line.ts';
import { explain, failureType, isAskedFor } from './failures.ts';
import type { FleetJournal } from './fleet-journal.ts';
import type { Operator } from './operator.ts';
import type { GroupEnd } from './patch-group.ts';
import { describeOutcome } from './run-attributes.ts';
import type { WeeklyJournal } from './weekly-journal.ts';

/** Ends a run in which every host had its turn, or was given up for a reason. Throws unless all is well. */
export function concludeFleet(journal: FleetJournal, dryRun: boolean): FleetReport {
  const lines = journal.lines();
  return returnOrThrow(journal.end(outcomeOf(lines, dryRun), describeOutcomes(countOutcomes(lines))));
}

/** The report where all is well; else it is thrown, so that nobody takes the run for a good one. */
export function returnOrThrow<Report extends FleetReport | WeeklyReport>(report: Report): Report {
  describeOutcome(report.outcome);
  if (report.outcome === 'done' || report.outcome === 'planned') return report;
  throw failureWith(report);
}

/** What to throw when a run cannot go on. */
export function endBadly(
  error: unknown,
  journal: FleetJournal | WeeklyJournal,
  operator: Pick<Operator, 'cancelled'>,
): ApplicationFailure | CancelledFailure {
  const reason = explain(error);
  const report = journal.end(outcomeOfError(error, journal), reason);
  describeOutcome(report.outcome);
  // A canceled run ends as canceled, and the query `report` tells its report. A parent cannot query.
  return operator.cancelled && workflowInfo().parent === undefined
    ? new CancelledFailure(reason)
    : failureWith(report, error);
}

/**
 * Why the weekly updates end after a group: somebody has stopped it by itself, or nobody can tell how its hosts ended, so that
 * a partner of one that is not well could be begun. Null: they go on.
 *
 * @param left Groups that do not have their turn then.
 */
export function whyNoMoreGroups({ report, lost }: GroupEnd, left: readonly string[]): ApplicationFailure | null {
  if (!lost && report.outcome !== 'aborted') return null;
  const rest = left.length === 0 ? '' : ` (not begun: ${left.join(', ')})`;
  const type = lost ? ErrorType.FleetFailed : ErrorType.Aborted;
  return ApplicationFailure.nonRetryable(`${report.name}: ${report.reason}${rest}`, type);
}

function failureWith(report: FleetReport | WeeklyReport, cause?: unknown): ApplicationFailure {
  const what = 'name' in report ? report.name : 'weekly updates';
  return ApplicationFailure.create({
    type: TYPES[report.outcome] ?? ErrorType.FleetFailed,
    message: `${what}: ${report.reason}`,
    nonRetryable: true,
    details: [report],
    ...(cause instanceof Error ? { cause } : {}),
  });
}

const TYPES: Partial<Record<FleetOutcome, ErrorType>> = {
  aborted: ErrorType.Aborted,
  refused: ErrorType.Refused,
};

function outcomeOfError(error: unknown, journal: FleetJournal | WeeklyJournal): FleetOutcome {
  if (isAskedFor(error)) return 'aborted';
  return failureType(error) === ErrorType.Refused && !journal.hasBegun() ? 'refused' : 'failed';
}

function outcomeOf(lines: readonly HostLine[], dryRun: boolean): FleetOutcome {
  if (lines.some(({ outcome }) => isBad(outcome))) return 'failed';
  if (lines.some(({ outcome }) => outcome === 'not-started' || outcome === 'aborted')) return 'stopped';
  return dryRun ? 'planned' : 'done';
}
