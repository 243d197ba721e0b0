import { activityInfo, getClient } from '@temporalio/activity';
import {
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  type WorkflowExecutionDescription,
} from '@temporalio/client';
import { maintenanceLeaseId, updateNodeId } from '../domain/ids.ts';
import type { LeaseAnswer, LeaseRequest, RunRef } from '../domain/lease.ts';
import { Message } from '../domain/messages.ts';

export interface RequestLeaseInput {
  readonly cluster: string;
  readonly request: LeaseRequest;
}

export interface IsRunOverInput {
  readonly run: RunRef;
  readonly cluster: string;
}

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
     * Whether a run is over and disturbs nothing any more: a rolling update that was terminated leaves the run of its
     * node behind, which tidies up.
     */
    async isRunOver({ run, cluster }: IsRunOverInput): Promise<boolean> {
      const own = await describe(run.workflowId, run.runId);
      if (own !== null && isOpen(own)) return false;
      const node = await describe(updateNodeId(cluster));
      return node === null || !isOpen(node) || node.parentExecution?.runId !== run.runId;
    },
  };
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
