import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common';
import { Message } from '../../domain/messages.ts';
import type { RollReport } from '../../domain/report.ts';
import { blockersIn, findingsOf } from '../../planning/findings.ts';
import type { ExitCode } from './terminal.ts';

const QUERY_TIMEOUT_MS = 5_000;

/** How a rolling update ended, as the client can see it. */
export interface RunEnd {
  readonly status: 'completed' | 'failed' | 'canceled' | 'terminated' | 'timed-out';
  /** Type of the failure (`domain/errors.ts`); null unless it failed. */
  readonly type: string | null;
  /** Why, in one sentence. */
  readonly reason: string;
  /** Null when the run ended before it could write one, or when no worker is there to tell the one of a canceled run. */
  readonly report: RollReport | null;
}

/** Waits until the run is over. A failed run is an answer, not an error. */
export async function awaitEnd(handle: WorkflowHandle): Promise<RunEnd> {
  try {
    const report = (await handle.result()) as RollReport;
    return { status: 'completed', type: null, reason: report.reason, report };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const end = describeFailure(error);
    return end.status === 'canceled' ? { ...end, report: await askForReport(handle) } : end;
  }
}

export function exitCodeOf({ status, report }: RunEnd): ExitCode {
  if (status !== 'completed' || report === null) return 1;
  const refused = report.plan !== null && blockersIn(findingsOf(report.plan)).length > 0;
  return report.outcome === 'planned' && refused ? 1 : 0;
}

function describeFailure({ cause, message }: WorkflowFailedError): RunEnd {
  const reason = cause?.message ?? message;
  if (cause instanceof ApplicationFailure) {
    return { status: 'failed', type: cause.type ?? null, reason, report: reportIn(cause.details) };
  }
  if (cause instanceof CancelledFailure) {
    return { status: 'canceled', type: null, reason: 'an operator canceled it', report: null };
  }
  if (cause instanceof TerminatedFailure) {
    const advice =
      'Nothing was tidied up: check maintenance mode and the places of the guests by hand. Next time, cancel it.';
    return { status: 'terminated', type: null, reason: `The run was terminated. ${advice}`, report: null };
  }
  if (cause instanceof TimeoutFailure) return { status: 'timed-out', type: null, reason, report: null };
  return { status: 'failed', type: null, reason, report: null };
}

/** Temporal keeps no details of a cancellation, but a run that is over still answers queries while a worker runs. */
async function askForReport(handle: WorkflowHandle): Promise<RollReport | null> {
  try {
    return await handle.client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
      handle.query<RollReport | null>(Message.report),
    );
  } catch {
    return null;
  }
}

function reportIn(details: readonly unknown[] | null | undefined): RollReport | null {
  const [first] = details ?? [];
  const isReport = typeof first === 'object' && first !== null && 'outcome' in first && 'nodes' in first;
  return isReport ? (first as RollReport) : null;
}
