import { Message } from '../../../domain/messages.ts';
import { asHtml } from '../../../reports/as-html.ts';
import { asMarkdown } from '../../../reports/as-markdown.ts';
import { fleetDocument } from '../../../reports/fleet-document.ts';
import { identityOf, type Session } from '../context.ts';
import { printEnd } from '../outcome.ts';
import { FLEET, renderFleetReport, WEEKLY } from '../patch-kinds.ts';
import { endOfPatchRun, handleOf, listPatchRuns, requireRunningPatch, type PatchRun } from '../patch-runs.ts';
import { renderPatchHistory } from '../render/patch-history.ts';
import { sentence } from '../render/words.ts';
import { ask } from '../request.ts';
import { awaitEnd } from '../run-end.ts';
import type { AnyReport, RunKind } from '../run-kind.ts';
import { ifAnswered } from '../temporal.ts';
import { CliError, commandName, layoutFor, printJson, printLine, type ExitCode } from '../terminal.ts';
import { readLimit, type HistoryFlags } from './history.ts';
import type { ReportFlags } from './report.ts';
import { follow } from './update.ts';

interface Json {
  readonly json?: boolean;
}

/** Shows the run that patches hosts now, or how the last one ended. */
export async function patchStatus(
  session: Session,
  wanted: string | undefined,
  flags: Json & { readonly follow?: boolean },
): Promise<ExitCode> {
  const running = await listPatchRuns(session, { running: true });
  const run =
    wanted === undefined && running.length === 0
      ? (await listPatchRuns(session, { limit: 1 }))[0]
      : await requireRunningPatch(session, wanted);
  if (run === undefined) {
    if (flags.json) printJson(session.terminal.stdout, { status: 'none' });
    else printLine(session.terminal.stdout, `No host of ${session.config.cluster.name} has been patched yet.`);
    return 0;
  }
  return run.kind === 'fleet' ? show(session, FLEET, run, flags) : show(session, WEEKLY, run, flags);
}

async function show<Progress, Report extends AnyReport>(
  session: Session,
  kind: RunKind<Progress, Report>,
  run: PatchRun,
  flags: Json & { readonly follow?: boolean },
): Promise<ExitCode> {
  const { terminal, client } = session;
  const identity = await identityOf(session, run);
  if (run.endedAt !== null)
    return printEnd(kind, terminal, identity, await awaitEnd(kind, handleOf(session, run)), flags);
  if (flags.follow) return follow(session, kind, identity, flags);
  const handle = client.workflow.getHandle(run.workflowId);
  const progress = await ifAnswered(client, () => kind.read(client, handle));
  if (flags.json) printJson(terminal.stdout, { ...identity, status: 'running', progress });
  else if (progress === null) {
    printLine(
      terminal.stdout,
      `${run.workflowId} is under way, but no worker answers. Start one with \`npm run worker\`.`,
    );
  } else {
    const options = { ...layoutFor(terminal.stdout, terminal.env), now: new Date(), webUiUrl: identity.webUi };
    printLine(terminal.stdout, kind.renderProgress(progress, options));
  }
  return 0;
}

/** Begins no more hosts until it is resumed; those in hand hold at their next safe point. */
export function pausePatching(session: Session, wanted: string | undefined, flags: Json): Promise<ExitCode> {
  return steer(session, wanted, Message.pause, flags);
}

export function resumePatching(session: Session, wanted: string | undefined, flags: Json): Promise<ExitCode> {
  return steer(session, wanted, Message.resume, flags);
}

async function steer(
  session: Session,
  wanted: string | undefined,
  name: 'pause' | 'resume',
  { json = false }: Json,
): Promise<ExitCode> {
  const run = await requireRunningPatch(session, wanted);
  const handle = session.client.workflow.getHandle(run.workflowId);
  const answer = await ask(session, handle, { name, done: `The run was told to ${name}.`, lasting: true });
  if (json) printJson(session.terminal.stdout, { ...(await identityOf(session, run)), answer });
  else printLine(session.terminal.stdout, answer);
  return 0;
}

/** Begins no more hosts; those in hand come to the end of their step. */
export async function cancelPatching(session: Session, wanted: string | undefined, flags: Json): Promise<ExitCode> {
  const run = await requireRunningPatch(session, wanted);
  await session.client.workflow.getHandle(run.workflowId).cancel();
  const { stdout, env } = session.terminal;
  if (flags.json) printJson(stdout, { ...(await identityOf(session, run)), status: 'canceling' });
  else {
    printLine(stdout, 'No host is begun any more. Those in hand come to the end of their step.');
    printLine(stdout, `Watch it with \`${commandName(env)} patch status --follow\`.`);
  }
  return 0;
}

/** Prints the report of a run that is over. */
export async function patchReport(session: Session, wanted: string | undefined, flags: ReportFlags): Promise<ExitCode> {
  const { stdout, env } = session.terminal;
  const over = (await listPatchRuns(session)).filter(({ endedAt }) => endedAt !== null);
  const found = wanted === undefined ? over.slice(0, 1) : over.filter(({ runId }) => runId.startsWith(wanted));
  const [run, another] = found;
  if (run === undefined || another !== undefined) {
    const which = wanted === undefined ? 'has ended yet' : `has a run id that begins with "${wanted}"`;
    const what = another === undefined ? `No run that patches hosts ${which}` : `More than one run ${which}`;
    throw new CliError(`${what}. See \`${commandName(env)} patch history\`.`, 1);
  }
  const end = await endOfPatchRun(session, run);
  if (flags.json) {
    printJson(stdout, { ...(await identityOf(session, run)), ...end });
    return 0;
  }
  if (end.report === null) throw new CliError(`The run ${run.runId} left no report: ${sentence(end.reason)}`, 1);
  if (flags.html) printLine(stdout, asHtml(fleetDocument(end.report)));
  else if (flags.markdown) printLine(stdout, asMarkdown(fleetDocument(end.report)));
  else printLine(stdout, renderFleetReport(end.report, layoutFor(stdout, env)));
  return 0;
}

/** Lists the runs that have patched hosts, the newest first. */
export async function patchHistory(session: Session, flags: HistoryFlags): Promise<ExitCode> {
  const { stdout, env } = session.terminal;
  const runs = await listPatchRuns(session, { limit: readLimit(flags.limit) });
  if (flags.json) printJson(stdout, runs);
  else if (runs.length === 0) {
    printLine(stdout, `Temporal remembers no patching of hosts of ${session.config.cluster.name}.`);
  } else {
    printLine(stdout, renderPatchHistory(runs, layoutFor(stdout, env)));
    printLine(stdout, `\nAll of one: ${commandName(env)} patch report RUN`);
  }
  return 0;
}
