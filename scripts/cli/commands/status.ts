import type { Session } from '../context.ts';
import { findLatestRun, type CurrentRun } from '../current-run.ts';
import { printEnd } from '../outcome.ts';
import { readProgressIfAnswered } from '../read-progress.ts';
import { readLease } from '../read-lease.ts';
import { renderLease } from '../render/lease.ts';
import { renderProgress } from '../render/progress.ts';
import { awaitEnd } from '../run-end.ts';
import { layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';
import { follow } from './update.ts';

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
  const progress = await readProgressIfAnswered(session.client, run.handle);
  const lease = await readLease(session.client, session.config.cluster.name);
  if (json) printJson(stdout, { ...run.identity, status: 'running', progress, lease });
  else if (progress === null) {
    printLine(
      stdout,
      `A rolling update of ${session.config.cluster.name} is under way, but no worker answers. It goes on as soon as one is back; start one with \`npm run worker\`.`,
    );
  } else {
    const options = { ...layoutFor(stdout, env), now: new Date(), webUiUrl: run.identity.webUi };
    printLine(stdout, renderProgress(progress, options));
    const queue = lease === null ? '' : renderLease(lease, run.identity.workflowId, options);
    if (queue !== '') printLine(stdout, `\n${queue}`);
  }
  return 0;
}
