import { rollingUpdatePlanId } from '../../../domain/ids.ts';
import { TaskQueue } from '../../../domain/task-queues.ts';
import { requireWorker, webUiOf, type Session } from '../context.ts';
import { printEnd } from '../outcome.ts';
import { overridesFrom, type PolicyFlags } from '../overrides.ts';
import { awaitEnd } from '../run-end.ts';
import { ROLL } from '../run-kind.ts';
import type { ExitCode } from '../terminal.ts';

/** Shows what an update would do. It is the same workflow, ended after the plan, under an id of its own. */
export async function plan(
  session: Session,
  nodes: readonly string[],
  flags: PolicyFlags & { readonly json?: boolean },
): Promise<ExitCode> {
  const { name } = session.config.cluster;
  const input = overridesFrom(nodes, { ...flags, dryRun: true }, session.config);
  await requireWorker(session);
  const handle = await session.client.workflow.start('rollingUpdate', {
    taskQueue: TaskQueue.maintenance,
    workflowId: rollingUpdatePlanId(name, new Date().toISOString()),
    args: [input],
    staticSummary: `Dry run for ${name}`,
  });
  const runId = handle.firstExecutionRunId;
  const webUi = await webUiOf(session, handle.workflowId, runId);
  const end = await awaitEnd(ROLL, handle);
  return printEnd(ROLL, session.terminal, { workflowId: handle.workflowId, runId, webUi }, end, flags);
}
