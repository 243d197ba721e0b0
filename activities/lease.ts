import { activityInfo, getClient } from '@temporalio/activity';
import {
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { maintenanceLeaseId } from '../domain/ids.ts';
import type { LeaseAnswer, LeaseRequest, RunRef } from '../domain/lease.ts';
import { Message } from '../domain/messages.ts';

export interface RequestLeaseInput {
  readonly cluster: string;
  readonly request: LeaseRequest;
}

export interface IsRunOverInput {
  readonly run: RunRef;
}

/** Workflows that disturb the cluster for the run that has started them. */
const AT_WORK: ReadonlySet<string> = new Set(['updateNode', 'patchFleet', 'patchHost', 'powerRestore']);

/** `temporal.api.enums.v1.HistoryEventFilterType` */
const CLOSE_EVENT = 2;

/** Workflows cannot start with an update: their activities do it, with the connection of their worker. */
export function createLeaseActivities() {
  return {
    /** Asks for the lease of the cluster, which is started unless it runs. Asking twice is asking once. */
    async requestLease({ cluster, request }: RequestLeaseInput): Promise<LeaseAnswer> {
      const name = request.priority === 'power' ? Message.preemptLease : Message.requestLease;
      return getClient().workflow.executeUpdateWithStart<
        (input: { cluster: string }) => Promise<void>,
        LeaseAnswer,
        [LeaseRequest]
      >(name, {
        args: [request],
        startWorkflowOperation: new WithStartWorkflowOperation('maintenanceLease', {
          workflowId: maintenanceLeaseId(cluster),
          workflowIdConflictPolicy: 'USE_EXISTING',
          taskQueue: activityInfo().taskQueue,
          args: [{ cluster }],
          staticSummary: `Who may disturb ${cluster}`,
        }),
      });
    },

    /**
     * Whether a run is over and disturbs nothing any more: one that was terminated leaves the runs that it has started
     * behind, which finish their step and tidy up.
     */
    async isRunOver({ run }: IsRunOverInput): Promise<boolean> {
      return !(await isAtWork(run));
    },
  };
}

/** Asks Temporal for each run itself: its lists of runs lag behind. */
async function isAtWork(run: RunRef): Promise<boolean> {
  const last = await lastOf(run);
  if (last === null) return false;
  if (isOpen(last)) return true;
  // Temporal goes on knowing which children a run had when it was closed.
  for (const { workflowId, runId, workflowTypeName } of last.raw.pendingChildren ?? []) {
    if (!workflowId || !AT_WORK.has(workflowTypeName ?? '')) continue;
    if (runId ? await isAtWork({ workflowId, runId }) : await isStartedBy(run, workflowId)) return true;
  }
  return false;
}

/** The run as it is now: it may have continued as new since it was noted. Null when Temporal has forgotten it. */
async function lastOf({ workflowId, runId }: RunRef): Promise<WorkflowExecutionDescription | null> {
  const newest = await describe(workflowId);
  if (newest?.raw.workflowExecutionInfo?.firstRunId === runId) return newest;
  let known = await describe(workflowId, runId);
  // Another run has the workflow id by now, or the server is too old to tell the first run of the newest.
  while (known?.status.name === 'CONTINUED_AS_NEW') known = await successorOf(known);
  return known;
}

async function successorOf({ workflowId, runId }: RunRef): Promise<WorkflowExecutionDescription | null> {
  const client = getClient();
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    historyEventFilterType: CLOSE_EVENT,
  });
  const next = history?.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  return next ? describe(workflowId, next) : null;
}

/** A child that was on its way when its parent was closed. */
async function isStartedBy(parent: RunRef, workflowId: string): Promise<boolean> {
  const child = await describe(workflowId);
  return child !== null && isOpen(child) && child.parentExecution?.workflowId === parent.workflowId;
}

/** Null when Temporal has no such run: it ended so long ago that it was deleted. */
async function describe(workflowId: string, runId?: string): Promise<WorkflowExecutionDescription | null> {
  try {
    return await getClient().workflow.getHandle(workflowId, runId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** Anything that Temporal does not call closed counts as open. */
function isOpen({ closeTime }: WorkflowExecutionDescription): boolean {
  return closeTime === undefined;
}
