import { WorkflowNotFoundError, type WorkflowExecutionDescription, type WorkflowHandle } from '@temporalio/client';
import { isScheduled, rollingUpdateId } from '../../domain/ids.ts';
import { webUiOf, type Session } from './context.ts';
import type { RunIdentity } from './outcome.ts';
import { listPatchRuns } from './patch-runs.ts';
import { CliError, commandName } from './terminal.ts';

export interface CurrentRun {
  readonly handle: WorkflowHandle;
  readonly description: WorkflowExecutionDescription;
  readonly running: boolean;
  readonly identity: RunIdentity;
}

/**
 * The latest rolling update of the cluster, running or over; null when there has been none. A running one goes before a
 * later one that is over: a schedule may have started it.
 */
export async function findLatestRun(session: Session): Promise<CurrentRun | null> {
  const plain = rollingUpdateId(session.config.cluster.name);
  const workflowId = (await findScheduledRun(session, plain)) ?? plain;
  const handle = session.client.workflow.getHandle(workflowId);
  try {
    const description = await handle.describe();
    const { runId } = description;
    const identity = { workflowId, runId, webUi: await webUiOf(session, workflowId, runId) };
    return { handle, description, running: description.status.name === 'RUNNING', identity };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

async function findScheduledRun({ client }: Session, plain: string): Promise<string | null> {
  const query = `WorkflowType = "rollingUpdate" AND ExecutionStatus = "Running" AND WorkflowId STARTS_WITH "${plain}-"`;
  for await (const { workflowId } of client.workflow.list({ query })) {
    if (isScheduled(workflowId, plain)) return workflowId;
  }
  return null;
}

/** @throws {CliError} when no rolling update runs. */
export async function requireRunning(session: Session): Promise<CurrentRun> {
  const run = await findLatestRun(session);
  if (run?.running) return run;
  const command = commandName(session.terminal.env);
  const [patching] = await listPatchRuns(session, { running: true });
  const hint =
    patching === undefined
      ? `Start one with \`${command} update\`.`
      : `Hosts are being patched (${patching.workflowId}): see \`${command} patch --help\`.`;
  throw new CliError(`No rolling update of ${session.config.cluster.name} is running. ${hint}`, 1);
}
