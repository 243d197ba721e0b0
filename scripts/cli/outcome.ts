import { sentence } from './render/words.ts';
import { renderReport } from './render/report.ts';
import { renderPlan } from './render/plan.ts';
import { exitCodeOf, type RunEnd } from './run-end.ts';
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
export function printEnd<Run extends RunIdentity>(
  terminal: Terminal,
  run: Run,
  end: RunEnd,
  { json = false } = {},
): ExitCode {
  if (json) printJson(terminal.stdout, { ...run, ...end });
  else printLine(terminal.stdout, describeEnd(terminal, end));
  return exitCodeOf(end);
}

function describeEnd(terminal: Terminal, end: RunEnd): string {
  const layout = layoutFor(terminal.stdout, terminal.env);
  if (end.report === null) {
    const what = { failed: 'failed', completed: 'ended', canceled: 'was canceled', 'timed-out': 'timed out' };
    return end.status === 'terminated' ? end.reason : `The run ${what[end.status]}: ${sentence(end.reason)}`;
  }
  if (end.report.outcome === 'planned' && end.report.plan !== null) return renderPlan(end.report.plan, layout);
  return renderReport(end.report, layout);
}
