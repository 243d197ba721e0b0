import type { Session } from '../context.ts';
import { findLatestRun, type CurrentRun } from '../current-run.ts';
import { printEnd } from '../outcome.ts';
import { listPatchRuns } from '../patch-runs.ts';
import { readProgressIfAnswered } from '../read-progress.ts';
import { readLease } from '../read-lease.ts';
import { readLeftovers, type LeftOnNode } from '../read-undo.ts';
import { renderLease } from '../render/lease.ts';
import { renderProgress } from '../render/progress.ts';
import { renderLeftovers, renderToUndo } from '../render/undo.ts';
import { awaitEnd } from '../run-end.ts';
import { ROLL } from '../run-kind.ts';
import { commandName, layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';
import { follow } from './update.ts';

interface Flags {
  readonly json?: boolean;
  readonly follow?: boolean;
}

/** Shows the run that is under way, or how the last one ended, and what is still to be undone; its exit code is that of the run. */
export async function status(session: Session, flags: Flags): Promise<ExitCode> {
  const run = await findLatestRun(session);
  if (run?.running === true && flags.follow) return follow(session, ROLL, run.identity, { ...flags, showPlan: false });
  const left = await readLeftovers(session);
  const stillToUndo = left.map(({ node, givenUpAt, view }) => ({ node, givenUpAt, view }));
  const code = run === null ? printNone(session, flags, stillToUndo) : await printRun(session, run, flags, stillToUndo);
  if (!flags.json && left.length > 0) printLeft(session, left);
  if (!flags.json) await tellPatching(session);
  return code;
}

type StillToUndo = readonly Omit<LeftOnNode, 'handle'>[];

function printNone({ terminal, config }: Session, { json = false }: Flags, stillToUndo: StillToUndo): ExitCode {
  if (json) printJson(terminal.stdout, { status: 'none', stillToUndo });
  else printLine(terminal.stdout, `There has been no rolling update of ${config.cluster.name} yet.`);
  return 0;
}

async function printRun(session: Session, run: CurrentRun, flags: Flags, stillToUndo: StillToUndo): Promise<ExitCode> {
  if (run.running) return printProgress(session, run, flags, stillToUndo);
  return printEnd(ROLL, session.terminal, { ...run.identity, stillToUndo }, await awaitEnd(ROLL, run.handle), flags);
}

async function printProgress(
  session: Session,
  run: CurrentRun,
  { json = false }: Flags,
  stillToUndo: StillToUndo,
): Promise<ExitCode> {
  const { stdout, env } = session.terminal;
  const progress = await readProgressIfAnswered(session.client, run.handle);
  const lease = await readLease(session.client, session.config.cluster.name);
  if (json) printJson(stdout, { ...run.identity, status: 'running', progress, lease, stillToUndo });
  else if (progress === null) {
    printLine(
      stdout,
      `A rolling update of ${session.config.cluster.name} is under way, but no worker answers. It goes on as soon as one is back; start one with \`npm run worker\`.`,
    );
  } else {
    const options = { ...layoutFor(stdout, env), now: new Date(), webUiUrl: run.identity.webUi };
    printLine(stdout, renderProgress(progress, options));
    const open = progress.nodes.flatMap(({ undo }) => undo);
    const parts = [
      renderToUndo(open, options),
      lease === null ? '' : renderLease(lease, run.identity.workflowId, options),
    ];
    for (const part of parts) if (part !== '') printLine(stdout, `\n${part}`);
  }
  return 0;
}

/** Hosts are patched by runs that have commands of their own. */
async function tellPatching(session: Session): Promise<void> {
  const { stdout, env } = session.terminal;
  for (const { workflowId } of await listPatchRuns(session, { running: true })) {
    printLine(stdout, `\nHosts are being patched (${workflowId}): ${commandName(env)} patch status`);
  }
}

function printLeft({ terminal: { stdout, env } }: Session, left: readonly LeftOnNode[]): void {
  printLine(stdout, `\n${renderLeftovers(left, layoutFor(stdout, env))}`);
}
