import { WorkflowNotFoundError, type WorkflowExecutionDescription, type WorkflowHandle } from '@temporalio/client';
import { powerGuardId, powerOutageId, powerRestoreId } from '../../domain/ids.ts';
import { Message } from '../../domain/messages.ts';
import type { GuardStatus } from '../../domain/outage.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import { startOfWorker, type Session } from './context.ts';
import { ifAnswered } from './temporal.ts';

/** A run about power, running or over. */
export interface PowerRun {
  readonly handle: WorkflowHandle;
  readonly workflowId: string;
  readonly runId: string;
  readonly running: boolean;
  /** ISO 8601 */
  readonly startedAt: string;
}

/** The outage that is being answered, or the last one; null when there has been none. */
export function findOutage(session: Session, ups: string): Promise<PowerRun | null> {
  return find(session, powerOutageId(ups));
}

/** The run that brings the site back, if one does so now. */
export async function findRestore(session: Session, ups: string): Promise<PowerRun | null> {
  const run = await find(session, powerRestoreId(ups));
  return run?.running === true ? run : null;
}

/** What the guard of a UPS says, or why nobody watches it, with the remedy. */
export type GuardAnswer = { readonly status: GuardStatus } | { readonly unwatched: string };

export async function askGuard(session: Session, ups: string): Promise<GuardAnswer> {
  const start = `Start the worker of power: ${startOfWorker(TaskQueue.power)}`;
  const run = await find(session, powerGuardId(ups));
  if (run?.running !== true) {
    return { unwatched: `Nobody watches ${ups}: ${powerGuardId(ups)} does not run. ${start}` };
  }
  // The guard continues as new now and then: whichever of its runs is the present one answers.
  const guard = session.client.workflow.getHandle(powerGuardId(ups));
  const status = await ifAnswered(session.client, () => guard.query<GuardStatus>(Message.progress));
  if (status !== null) return { status };
  return { unwatched: `Nobody watches ${ups}: no worker answers for ${powerGuardId(ups)}. ${start}` };
}

async function find(session: Session, workflowId: string): Promise<PowerRun | null> {
  const description = await describe(session.client.workflow.getHandle(workflowId));
  if (description === null) return null;
  const { runId, startTime, status } = description;
  return {
    handle: session.client.workflow.getHandle(workflowId, runId),
    workflowId,
    runId,
    running: status.name === 'RUNNING',
    startedAt: startTime.toISOString(),
  };
}

async function describe(handle: WorkflowHandle): Promise<WorkflowExecutionDescription | null> {
  try {
    return await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
