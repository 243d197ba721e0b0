import { ApplicationFailure, CancelledFailure, workflowInfo } from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import { updateNodeId } from '../../domain/ids.ts';
import type { NodePlan } from '../../domain/plan.ts';
import type { Policy } from '../../domain/policy.ts';
import type { NodeOutcome, NodeReport } from '../../domain/report.ts';
import type { OpenUndo } from '../../domain/undo.ts';
import { blockersIn, describeFindings } from '../../planning/findings.ts';
import { explain, failureType, isAskedFor } from './failures.ts';
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

/** The workflow id is the lock: a run under another id could be at work beside one that holds it. */
export function refuseBesideAnother(node: string, cluster: string, journal: NodeJournal): void {
  const id = updateNodeId(cluster);
  if (workflowInfo().workflowId === id) return;
  describeOutcome('refused');
  const message = `${node} is not touched: this run must have the workflow id ${id}, which keeps two of them apart. Start it with that id, or use rollingUpdate with {"nodes": ["${node}"]}.`;
  throw ApplicationFailure.create({
    type: ErrorType.Refused,
    message,
    nonRetryable: true,
    details: [journal.report('refused', message, [])],
  });
}

/** The report of a node that needs nothing, or of a dry run; null when there is work to do. */
export function endUntouched(plan: NodePlan, { dryRun }: Policy, journal: NodeJournal): NodeReport | null {
  if (plan.action === 'skip') {
    journal.enter('skipped');
    describeOutcome('skipped');
    return journal.report('skipped', plan.reason, []);
  }
  if (!dryRun) return null;
  describeOutcome('planned');
  return journal.report('planned', 'dry run', []);
}

/** The report of a node that the policy or a person left out after trouble, when nothing of ours is left on it. */
function leaveOut(skip: unknown, journal: NodeJournal): NodeReport {
  journal.enter('skipped');
  describeOutcome('skipped');
  const why = explain(skip);
  journal.warn(why);
  return journal.report('skipped', why, []);
}

/** The end after trouble: leaves the node out where that was chosen and nothing is open, and throws otherwise. */
export function endOrLeaveOut(
  error: unknown,
  run: { readonly node: string; readonly journal: NodeJournal; readonly operator: Operator },
  open: readonly OpenUndo[],
): NodeReport {
  if (failureType(error) !== ErrorType.NodeSkipped) throw endNodeBadly(error, run, open);
  if (open.length > 0) throw endNodeBadly(cannotBeLeftOut(error, run.node, open), run, open);
  return leaveOut(error, run.journal);
}

/** A node that is not as it was before may not be left out: the next one would be the second in trouble. */
function cannotBeLeftOut(skip: unknown, node: string, open: readonly OpenUndo[]): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.GuestMoveFailed,
    message: `${node} could not be tidied up, so the run does not go on without it: ${open.map(({ reason }) => reason).join('; ')}`,
    nonRetryable: true,
    ...(skip instanceof Error ? { cause: skip } : {}),
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
  if (isAskedFor(error)) return { outcome: 'aborted', type: ErrorType.Aborted };
  if (type === ErrorType.Refused) return { outcome: 'refused', type: ErrorType.Refused };
  if (type === ErrorType.InvalidInput) return { outcome: 'failed', type: ErrorType.InvalidInput };
  return { outcome: 'failed', type: ErrorType.NodeUpdateFailed };
}
