import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { fleetSettingsFor, weeklySettingsFor } from '../../../config/patch.ts';
import { dryRunId, patchFleetId, patchHostId, weeklyUpdatesId } from '../../../domain/ids.ts';
import { Message } from '../../../domain/messages.ts';
import type { PatchOverrides } from '../../../domain/patch.ts';
import { TaskQueue } from '../../../domain/task-queues.ts';
import type { PatchFleetInput } from '../../../workflows/patch-fleet.ts';
import type { WeeklyUpdatesInput } from '../../../workflows/weekly-updates.ts';
import { chooseHosts } from '../choose-hosts.ts';
import { requireWorker, webUiOf, type Session } from '../context.ts';
import type { RunIdentity } from '../outcome.ts';
import { FLEET, WEEKLY } from '../patch-kinds.ts';
import { ask } from '../request.ts';
import { CliError, commandName, printJson, printLine, type ExitCode } from '../terminal.ts';
import { follow } from './update.ts';

export interface PatchFlags {
  readonly weekly?: boolean;
  readonly dryRun?: boolean;
  /** Commander's form of `--no-reboot`. */
  readonly reboot?: boolean;
  readonly ignoreWindow?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
}

/** Patches a host, a group, or with `--weekly` the groups of the configuration, and follows that to its end. */
export async function patch(session: Session, name: string | undefined, flags: PatchFlags): Promise<ExitCode> {
  if ((name === undefined) !== (flags.weekly ?? false)) {
    throw new CliError('Name one host or one group, or give --weekly alone.');
  }
  const policy: PatchOverrides = {
    ...(flags.dryRun && { dryRun: true }),
    ...(flags.reboot === false && { autoReboot: false }),
  };
  const common = { policy, ...(flags.ignoreWindow && { ignoreWindow: true }) };
  if (name === undefined) {
    weeklySettingsFor(session.config, { policy });
    const run = await start(session, weeklyUpdatesId(session.config.cluster.name), common, flags);
    return flags.detach ? announce(session, run, flags) : follow(session, WEEKLY, run, flags);
  }
  fleetSettingsFor(session.config, { name, policy });
  const run = await start(session, patchFleetId(session.config.cluster.name, name), { name, ...common }, flags);
  return flags.detach ? announce(session, run, flags) : follow(session, FLEET, run, flags);
}

async function start(
  session: Session,
  id: string,
  input: PatchFleetInput | WeeklyUpdatesInput,
  { dryRun = false }: PatchFlags,
): Promise<RunIdentity> {
  await requireWorker(session);
  const workflowId = dryRun ? dryRunId(id, new Date().toISOString()) : id;
  const name = 'name' in input ? input.name : null;
  try {
    const handle = await session.client.workflow.start(name === null ? 'weeklyUpdates' : 'patchFleet', {
      taskQueue: TaskQueue.maintenance,
      workflowId,
      args: [input],
      staticSummary: name === null ? 'Weekly updates' : `Patching of ${name}`,
    });
    const runId = handle.firstExecutionRunId;
    return { workflowId, runId, webUi: await webUiOf(session, workflowId, runId) };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const command = commandName(session.terminal.env);
    throw new CliError(
      `${workflowId} is running already; nothing was started. Follow it with \`${command} patch status --follow ${workflowId}\`, or stop it with \`${command} patch cancel ${workflowId}\`.`,
      1,
    );
  }
}

function announce({ terminal }: Session, run: RunIdentity, { json = false }: PatchFlags): ExitCode {
  if (json) printJson(terminal.stdout, { ...run, status: 'running' });
  else {
    const command = commandName(terminal.env);
    printLine(terminal.stdout, `The patching runs as ${run.workflowId}.`);
    if (run.webUi !== null) printLine(terminal.stdout, `Web UI  ${run.webUi}`);
    printLine(
      terminal.stdout,
      `Follow it with \`${command} patch status --follow ${run.workflowId}\`, stop it with \`${command} patch cancel ${run.workflowId}\`.`,
    );
  }
  return 0;
}

/** Answers the pause before the reboot of a host. */
export async function answerReboot(
  session: Session,
  name: string,
  answer: 'rebootNow' | 'skipReboot',
  { json = false }: { readonly json?: boolean },
): Promise<ExitCode> {
  const [host] = chooseHosts(session.config, [name]);
  if (host?.name !== name) throw new CliError(`${name} is a group. Name the host that is about to reboot.`);
  const workflowId = patchHostId(session.config.cluster.name, name);
  const done = answer === 'rebootNow' ? `${name} reboots now.` : `${name} is not rebooted.`;
  const handle = session.client.workflow.getHandle(workflowId);
  const told = await ask(session, handle, { name: Message[answer], done, lasting: false }).catch((error: unknown) => {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new CliError(`${name} is not being patched now.`, 1);
  });
  if (json) printJson(session.terminal.stdout, { workflowId, answer: told });
  else printLine(session.terminal.stdout, told);
  return 0;
}
