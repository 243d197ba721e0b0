import { Message } from '../../../domain/messages.ts';
import type { RollProgress } from '../../../domain/report.ts';
import type { Session } from '../context.ts';
import { findLatestRun, type CurrentRun } from '../current-run.ts';
import { printEnd } from '../outcome.ts';
import { renderProgress } from '../render/progress.ts';
import { awaitEnd } from '../run-end.ts';
import { isSilence } from '../temporal.ts';
import { layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';
import { follow } from './update.ts';

const QUERY_TIMEOUT_MS = 10_000;

/** Shows the run that is under way, or how the last one ended; its exit code is that of the run. */
export async function status(
  session: Session,
  flags: { readonly json?: boolean; readonly follow?: boolean },
): Promise<ExitCode> {
  const { terminal } = session;
  const run = await findLatestRun(session);
  if (run === null) {
    if (flags.json) printJson(terminal.stdout, { status: 'none' });
    else printLine(terminal.stdout, `There has been no rolling update of ${session.config.cluster.name} yet.`);
    return 0;
  }
  if (!run.running) return printEnd(terminal, run.identity, await awaitEnd(run.handle), flags);
  if (flags.follow) return follow(session, run.identity, { ...flags, showPlan: false });
  return printProgress(session, run, flags);
}

async function printProgress(session: Session, run: CurrentRun, { json = false }): Promise<ExitCode> {
  const { stdout, env } = session.terminal;
  const progress = await readProgress(session, run);
  if (json) printJson(stdout, { ...run.identity, status: 'running', progress });
  else if (progress === null) {
    printLine(
      stdout,
      `A rolling update of ${session.config.cluster.name} is under way, but no worker answers. It goes on as soon as one is back; start one with \`npm run worker\`.`,
    );
  } else {
    const options = { ...layoutFor(stdout, env), now: new Date(), webUiUrl: run.identity.webUi };
    printLine(stdout, renderProgress(progress, options));
  }
  return 0;
}

async function readProgress({ client }: Session, { handle }: CurrentRun): Promise<RollProgress | null> {
  try {
    return await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query<RollProgress>(Message.progress));
  } catch (error) {
    if (isSilence(error)) return null;
    throw error;
  }
}
