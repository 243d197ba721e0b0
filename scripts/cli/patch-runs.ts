import type { WorkflowExecutionInfo, WorkflowHandle } from '@temporalio/client';
import { isScheduled, patchFleetId, weeklyUpdatesId } from '../../domain/ids.ts';
import type { FleetReport, WeeklyReport } from '../../domain/patch.ts';
import type { Session } from './context.ts';
import { FLEET, WEEKLY } from './patch-kinds.ts';
import { describePastRun, type PastRun } from './past-runs.ts';
import { awaitEnd, type RunEnd } from './run-end.ts';
import { CliError, commandName } from './terminal.ts';

/** A run that patches hosts, started by a person or a schedule. Those of the groups of weekly updates are not among them. */
export interface PatchRun extends PastRun {
  readonly kind: 'fleet' | 'weekly';
}

/** Runs that are looked through for one. */
const MOST_RUNS = 500;

/** The newest first; Temporal's list of runs lags a moment behind. Dry runs are not among them. */
export async function listPatchRuns(
  { client, config }: Session,
  { limit = MOST_RUNS, running = false }: { readonly limit?: number; readonly running?: boolean } = {},
): Promise<PatchRun[]> {
  const { name } = config.cluster;
  const query = `WorkflowType IN ("patchFleet", "weeklyUpdates")${running ? ' AND ExecutionStatus = "Running"' : ''}`;
  const runs: PatchRun[] = [];
  for await (const info of client.workflow.list({ query })) {
    const kind = kindOf(info, name);
    // The parts before the last of one that has continued as new have no end of their own.
    if (kind === null || info.status.name === 'CONTINUED_AS_NEW') continue;
    runs.push({ kind, ...describePastRun(info) });
    if (runs.length >= limit) break;
  }
  return runs.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}

function kindOf(
  { type, workflowId, parentExecution }: WorkflowExecutionInfo,
  cluster: string,
): PatchRun['kind'] | null {
  if (type === 'weeklyUpdates') {
    const plain = weeklyUpdatesId(cluster);
    return workflowId === plain || isScheduled(workflowId, plain) ? 'weekly' : null;
  }
  return workflowId.startsWith(patchFleetId(cluster, '')) && parentExecution === undefined ? 'fleet' : null;
}

/**
 * The run that is under way.
 *
 * @param wanted Its workflow id, where there are several.
 * @throws {CliError} when there is none, or more than one and nobody said which.
 */
export async function requireRunningPatch(session: Session, wanted: string | undefined): Promise<PatchRun> {
  const running = await listPatchRuns(session, { running: true });
  const [run, another] = running.filter(({ workflowId }) => wanted === undefined || workflowId === wanted);
  if (run !== undefined && another === undefined) return run;
  const command = `${commandName(session.terminal.env)} patch`;
  if (run !== undefined) {
    const ids = running.map(({ workflowId }) => workflowId).join(', ');
    throw new CliError(`Several runs patch hosts. Name one of: ${ids}.`, 1);
  }
  throw new CliError(
    wanted === undefined
      ? `No host of ${session.config.cluster.name} is being patched. Start with \`${command} <host or group>\`.`
      : `${wanted} is not under way. See \`${command} history\`.`,
    1,
  );
}

export function handleOf({ client }: Session, { workflowId, runId }: PastRun): WorkflowHandle {
  return client.workflow.getHandle(workflowId, runId);
}

export function endOfPatchRun(session: Session, run: PatchRun): Promise<RunEnd<FleetReport | WeeklyReport>> {
  const handle = handleOf(session, run);
  return run.kind === 'fleet' ? awaitEnd(FLEET, handle) : awaitEnd(WEEKLY, handle);
}
