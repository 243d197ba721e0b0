import { sentence } from './render/words.ts';
import { exitCodeOf, type RunEnd } from './run-end.ts';
import type { AnyReport, RunEnding } from './run-kind.ts';
import { layoutFor, printJson, printLine, type ExitCode, type Terminal } from './terminal.ts';

export interface RunIdentity {
  readonly workflowId: string;
  readonly runId: string;
  readonly webUi: string | null;
}

/**
 * Prints how a run ended and returns the exit code for it.
 *
 * @param run With whatever else the JSON document shall tell.
 */
export function printEnd<Run extends RunIdentity, Report extends AnyReport>(
  kind: RunEnding<Report>,
  terminal: Terminal,
  run: Run,
  end: RunEnd<Report>,
  { json = false } = {},
): ExitCode {
  if (json) printJson(terminal.stdout, { ...run, ...end });
  else printLine(terminal.stdout, describeEnd(kind, terminal, end));
  return exitCodeOf(kind, end);
}

function describeEnd<Report extends AnyReport>(
  kind: RunEnding<Report>,
  terminal: Terminal,
  end: RunEnd<Report>,
): string {
  const layout = layoutFor(terminal.stdout, terminal.env);
  if (end.report === null) {
    const what = { failed: 'failed', completed: 'ended', canceled: 'was canceled', 'timed-out': 'timed out' };
    return end.status === 'terminated' ? end.reason : `The run ${what[end.status]}: ${sentence(end.reason)}`;
  }
  return kind.renderReport(end.report, layout);
}
