import { asHtml } from '../../../reports/as-html.ts';
import { asMarkdown } from '../../../reports/as-markdown.ts';
import { rollDocument } from '../../../reports/roll-document.ts';
import { webUiOf, type Session } from '../context.ts';
import { endOf, findPastRun } from '../past-runs.ts';
import { renderReport } from '../render/report.ts';
import { sentence } from '../render/words.ts';
import { CliError, commandName, layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';

export interface ReportFlags {
  readonly markdown?: boolean;
  readonly html?: boolean;
  readonly json?: boolean;
}

/** Prints the report of a run that is over, with everything that was done. It is good whatever the run came to. */
export async function report(session: Session, wanted: string | undefined, flags: ReportFlags): Promise<ExitCode> {
  const { stdout, env } = session.terminal;
  const run = await findPastRun(session, wanted);
  if (run.endedAt === null) {
    throw new CliError(`That run is not over yet. See where it stands with \`${commandName(env)} status\`.`, 1);
  }
  const end = await endOf(session, run);
  const { workflowId, runId } = run;
  if (flags.json) {
    printJson(stdout, { workflowId, runId, webUi: await webUiOf(session, workflowId, runId), ...end });
    return 0;
  }
  if (end.report === null) throw new CliError(`The run ${runId} left no report: ${sentence(end.reason)}`, 1);
  if (flags.html) printLine(stdout, asHtml(rollDocument(end.report, { detail: 'full' })));
  else if (flags.markdown) printLine(stdout, asMarkdown(rollDocument(end.report, { detail: 'full' })));
  else printLine(stdout, renderReport(end.report, { ...layoutFor(stdout, env), detail: 'full' }));
  return 0;
}
