import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';
import { ErrorType } from '../../domain/errors.ts';
import type { NodeReport } from '../../domain/report.ts';

/** The failure that says what happened, below the wrappers that only say where. */
export function rootFailure(error: unknown): unknown {
  if ((error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) && error.cause) {
    return rootFailure(error.cause);
  }
  return error;
}

/** One sentence for people. */
export function explain(error: unknown): string {
  const root = rootFailure(error);
  if (root instanceof TimeoutFailure && error instanceof ActivityFailure) {
    return `${error.activityType} took too long (${root.message}). See the worker's log and whether a worker runs.`;
  }
  return root instanceof Error ? root.message : String(root);
}

/** Stable type of a failure, as programs compare it. */
export function failureType(error: unknown): string | null {
  const root = rootFailure(error);
  return root instanceof ApplicationFailure ? (root.type ?? null) : null;
}

/** Whether a person, or a run that needs the cluster more, has asked for the end. */
export function isAskedFor(error: unknown): boolean {
  return isCancellation(error) || failureType(error) === ErrorType.Aborted;
}

/** One of the details that a failure carries; null if it has none such. */
export function failureDetail(error: unknown, index: number): unknown {
  const root = rootFailure(error);
  return root instanceof ApplicationFailure ? (root.details?.[index] ?? null) : null;
}

/** The report that a node's failed run carries, if it got as far as having one. */
export function nodeReportIn(error: unknown): NodeReport | null {
  return reportIn<NodeReport>(error, 'node');
}

/** The report that a failed run carries as its first detail, known by a field that it must have. */
export function reportIn<Report extends object>(error: unknown, field: keyof Report): Report | null {
  const detail = failureDetail(error, 0);
  return typeof detail === 'object' && detail !== null && field in detail ? (detail as Report) : null;
}
