import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { Message } from '../../domain/messages.ts';
import type { AnyReport, RunEnding } from './run-kind.ts';
import type { ExitCode } from './terminal.ts';

const QUERY_TIMEOUT_MS = 5_000;

/** How a run ended, as the client can see it. */
export interface RunEnd<Report> {
  readonly status: 'completed' | 'failed' | 'canceled' | 'terminated' | 'timed-out';
  /** Type of the failure (`domain/errors.ts`); null unless it failed. */
  readonly type: string | null;
  /** Why, in one sentence. */
  readonly reason: string;
  /** Null when the run ended before it could write one, or when no worker is there to tell the one of a canceled run. */
  readonly report: Report | null;
}

/** Waits until the run is over. A failed run is an answer, not an error. */
export async function awaitEnd<Report extends AnyReport>(
  kind: RunEnding<Report>,
  handle: WorkflowHandle,
): Promise<RunEnd<Report>> {
  try {
    const result: unknown = await handle.result();
    const report = kind.reportOf?.(result) ?? (result as Report);
    return { status: 'completed', type: null, reason: report.reason, report };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const end = describeFailure(kind, error);
    return end.status === 'canceled' ? { ...end, report: await askForReport<Report>(handle) } : end;
  }
}

export function exitCodeOf<Report extends AnyReport>(
  kind: RunEnding<Report>,
  { status, report }: RunEnd<Report>,
): ExitCode {
  return status === 'completed' && report !== null && kind.isGood(report) ? 0 : 1;
}

function describeFailure<Report extends AnyReport>(
  { mark, afterTermination }: RunEnding<Report>,
  { cause, message }: WorkflowFailedError,
): RunEnd<Report> {
  const reason = cause?.message ?? message;
  if (cause instanceof ApplicationFailure) {
    return { status: 'failed', type: cause.type ?? null, reason, report: reportIn<Report>(cause.details, mark) };
  }
  if (cause instanceof CancelledFailure) {
    return { status: 'canceled', type: null, reason: 'an operator canceled it', report: null };
  }
  if (cause instanceof TerminatedFailure) {
    const advice = `Nothing was tidied up: ${afterTermination}. Next time, cancel it.`;
    return { status: 'terminated', type: null, reason: `The run was terminated. ${advice}`, report: null };
  }
  if (cause instanceof TimeoutFailure) return { status: 'timed-out', type: null, reason, report: null };
  return { status: 'failed', type: null, reason, report: null };
}

/** Temporal keeps no details of a cancellation, but a run that is over still answers queries while a worker runs. */
async function askForReport<Report>(handle: WorkflowHandle): Promise<Report | null> {
  try {
    return await handle.client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
      handle.query<Report | null>(Message.report),
    );
  } catch {
    return null;
  }
}

function reportIn<Report>(details: readonly unknown[] | null | undefined, mark: string): Report | null {
  const [first] = details ?? [];
  const isReport = typeof first === 'object' && first !== null && 'outcome' in first && mark in first;
  return isReport ? (first as Report) : null;
}
