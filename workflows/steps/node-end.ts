import { ApplicationFailure, CancelledFailure, isCancellation, workflowInfo } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { NodePlan } from '../../domain/plan.ts';
import type { NodeOutcome } from '../../domain/report.ts';
import type { OpenUndo } from '../../domain/undo.ts';
import { blockersIn, describeFindings } from '../../planning/findings.ts';
import { explain, failureType } from './failures.ts';
import type { NodeJournal } from './node-journal.ts';
import type { Operator } from './operator.ts';
import { describeOutcome } from './run-attributes.ts';

export function refuseNode(plan: NodePlan, journal: NodeJournal): ApplicationFailure {
  journal.enter('failed');
  describeOutcome('refused');
  const why = describeFindings(blockersIn(plan.findings));
  return ApplicationFailure.create({
    type: ErrorType.Refused,
    message: `${plan.node} is not touched: ${why}.`,
    nonRetryable: true,
    details: [journal.report('refused', why, [])],
  });
}

/** What to throw when the update of a node cannot go on, after everything was taken back that could be. */
export function endNodeBadly(
  error: unknown,
  { node, journal, operator }: { node: string; journal: NodeJournal; operator: Operator },
  open: readonly OpenUndo[],
): ApplicationFailure | CancelledFailure {
  journal.enter('failed');
  const { outcome, type } = classify(error);
  describeOutcome(outcome);
  const reason = explain(error);
  const report = journal.report(outcome, reason, open);
  // Temporal drops the details of a cancellation, and a parent has to know what is left to be undone.
  if (operator.cancelled && !workflowInfo().parent) return new CancelledFailure(reason);
  return ApplicationFailure.create({
    type,
    message: `${node}: ${reason}`,
    nonRetryable: true,
    details: [report],
    ...(error instanceof Error ? { cause: error } : {}),
  });
}

function classify(error: unknown): { outcome: NodeOutcome; type: ErrorType } {
  const type = failureType(error);
  if (isCancellation(error) || type === ErrorType.Aborted) return { outcome: 'aborted', type: ErrorType.Aborted };
  if (type === ErrorType.Refused) return { outcome: 'refused', type: ErrorType.Refused };
  if (type === ErrorType.InvalidInput) return { outcome: 'failed', type: ErrorType.InvalidInput };
  return { outcome: 'failed', type: ErrorType.NodeUpdateFailed };
}
