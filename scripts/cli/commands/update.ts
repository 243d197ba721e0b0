import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { rollingUpdateId } from '../../../domain/ids.ts';
import type { PolicyOverrides } from '../../../domain/policy.ts';
import { TaskQueue } from '../../../domain/task-queues.ts';
import { requireWorker, untilInterrupted, webUiOf, type Session } from '../context.ts';
import { followRun } from '../follow-run.ts';
import { printEnd, type RunIdentity } from '../outcome.ts';
import { ROLL, type AnyReport, type RunKind } from '../run-kind.ts';
import { overridesFrom, type PolicyFlags } from '../overrides.ts';
import { CliError, commandName, printJson, printLine, type ExitCode } from '../terminal.ts';

export interface UpdateFlags extends PolicyFlags {
  readonly detach?: boolean;
  readonly json?: boolean;
}

/** Starts a rolling update and, unless told otherwise, follows it to its end. */
export async function update(session: Session, nodes: readonly string[], flags: UpdateFlags): Promise<ExitCode> {
  const input = overridesFrom(nodes, flags, session.config);
  await requireWorker(session);
  const run = await start(session, input);
  if (flags.detach) return announce(session, run, flags);
  return follow(session, ROLL, run, flags);
}

/** Follows a run that is under way to its end. Ctrl-C leaves it alone. */
export async function follow<Progress, Report extends AnyReport>(
  session: Session,
  kind: RunKind<Progress, Report>,
  run: RunIdentity,
  { json = false, showPlan = true }: { readonly json?: boolean; readonly showPlan?: boolean },
): Promise<ExitCode> {
  const { terminal } = session;
  // With --json the only thing on stdout is the document at the end.
  const out = json ? terminal.stderr : terminal.stdout;
  const { signal, release } = untilInterrupted();
  try {
    const end = await followRun(kind, session.client, run.workflowId, {
      out,
      tty: out.isTTY === true,
      signal,
      uiUrl: run.webUi,
      runId: run.runId,
      showPlan,
      env: terminal.env,
    });
    if (end !== null) return printEnd(kind, terminal, run, end, { json });
  } finally {
    release();
  }
  const command = commandName(terminal.env);
  const family = kind.family === undefined ? command : `${command} ${kind.family}`;
  printLine(out, `You no longer follow the run; it goes on. Follow it again with \`${family} status --follow\`,`);
  printLine(out, `stop it with \`${family} cancel\`.`);
  if (json) printJson(terminal.stdout, { ...run, status: 'running' });
  return 0;
}

async function start(session: Session, input: PolicyOverrides): Promise<RunIdentity> {
  const command = commandName(session.terminal.env);
  const { name } = session.config.cluster;
  const workflowId = rollingUpdateId(name);
  try {
    const handle = await session.client.workflow.start('rollingUpdate', {
      taskQueue: TaskQueue.maintenance,
      workflowId,
      args: [input],
      staticSummary: `Rolling update of ${name}`,
    });
    const runId = handle.firstExecutionRunId;
    return { workflowId, runId, webUi: await webUiOf(session, workflowId, runId) };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new CliError(
      `A rolling update of ${name} is already running; a second one was not started. Follow it with \`${command} status --follow\`, or stop it with \`${command} cancel\`.`,
      1,
    );
  }
}

function announce({ terminal }: Session, run: RunIdentity, { json = false }: UpdateFlags): ExitCode {
  if (json) printJson(terminal.stdout, { ...run, status: 'running' });
  else {
    printLine(terminal.stdout, `The rolling update runs as ${run.workflowId}.`);
    if (run.webUi !== null) printLine(terminal.stdout, `Web UI  ${run.webUi}`);
    const command = commandName(terminal.env);
    printLine(terminal.stdout, `Follow it with \`${command} status --follow\`, stop it with \`${command} cancel\`.`);
  }
  return 0;
}
