import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { powerSettingsFor } from '../../../config/power.ts';
import { powerPlanId, powerRehearsalId } from '../../../domain/ids.ts';
import { TaskQueue } from '../../../domain/task-queues.ts';
import { requireWorker, webUiOf, type Session } from '../context.ts';
import { printEnd, type RunIdentity } from '../outcome.ts';
import { OUTAGE, POWER_PLAN } from '../power-kinds.ts';
import { awaitEnd } from '../run-end.ts';
import { CliError, type ExitCode } from '../terminal.ts';
import { follow } from './update.ts';

interface Flags {
  readonly json?: boolean;
}

/** Shows what a power cut that begins now would do. 1 when phase 2 would be refused. */
export async function planPower(session: Session, flags: Flags): Promise<ExitCode> {
  const { ups } = powerSettingsFor(session.config);
  const id = powerPlanId(ups, new Date().toISOString());
  const run = await start(session, 'powerPlan', id, `Plan of a power cut at ${ups}`);
  const end = await awaitEnd(POWER_PLAN, session.client.workflow.getHandle(id, run.runId));
  return printEnd(POWER_PLAN, session.terminal, run, end, flags);
}

/** Goes through a whole power cut with reads alone, and follows that to its end. */
export async function rehearsePower(session: Session, flags: Flags): Promise<ExitCode> {
  const { ups } = powerSettingsFor(session.config);
  const run = await start(session, 'powerOutage', powerRehearsalId(ups), `Rehearsal of a power cut at ${ups}`);
  return follow(session, OUTAGE, run, flags);
}

async function start(
  session: Session,
  type: 'powerPlan' | 'powerOutage',
  workflowId: string,
  staticSummary: string,
): Promise<RunIdentity> {
  await requireWorker(session, TaskQueue.power);
  try {
    const { firstExecutionRunId: runId } = await session.client.workflow.start(type, {
      taskQueue: TaskQueue.power,
      workflowId,
      args: [],
      staticSummary,
    });
    return { workflowId, runId, webUi: await webUiOf(session, workflowId, runId) };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new CliError(`${workflowId} is running already; nothing was started. Wait until it is over.`, 1);
  }
}
