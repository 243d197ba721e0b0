import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ChildWorkflowCancellationType,
  getExternalWorkflowHandle,
  ParentClosePolicy,
  sleep,
  startChild,
} from '@temporalio/workflow';
import type { NodeHealth } from '../../domain/cluster.ts';
import { toMilliseconds } from '../../domain/duration.ts';
import { undoLaterId } from '../../domain/ids.ts';
import type { OpenUndo } from '../../domain/undo.ts';
import type { Leftover } from '../../planning/leftover.ts';
import { undoMoreSignal } from '../messages.ts';
import { undoLater } from '../undo-later.ts';
import { asBefore } from './give-back.ts';
import type { NodeRun } from './node-run.ts';

/**
 * Hands what could not be taken back to `undoLater`, which outlives this run. One that is at work for the node already
 * is told of it. Returns when Temporal has noted it, so that nothing can be lost.
 */
export async function leaveForLater(
  run: NodeRun,
  before: NodeHealth | null,
  open: readonly OpenUndo[] = run.ledger.left(),
): Promise<void> {
  if (open.length === 0) return;
  const left = leftoverOf(run, before, open);
  const workflowId = undoLaterId(left.cluster, left.node);
  while (!((await begin(workflowId, left)) || (await tell(workflowId, left)))) {
    // It ended between the two: the next try finds its id free.
    await sleep('1 second', { summary: `${left.node}: hand over what is still to be undone` });
  }
  const until = new Date(Date.now() + toMilliseconds(left.policy.timeouts.undoLater)).toISOString();
  run.journal.leftTo({ workflowId, until });
}

function leftoverOf(
  { cluster, node, plan, policy, reboot, upgradeJobs }: NodeRun,
  before: NodeHealth | null,
  open: readonly OpenUndo[],
) {
  const { timeouts, parallelMigrations, memoryReservePercent } = policy;
  return {
    cluster,
    node,
    open,
    moves: plan.moves,
    expected: asBefore(before ?? { activeServices: [], activeStorages: [] }, reboot.mayStillEnd),
    upgradeJob: upgradeJobs.at(-1) ?? null,
    policy: { timeouts, parallelMigrations, memoryReservePercent },
  } satisfies Leftover;
}

async function begin(workflowId: string, left: Leftover): Promise<boolean> {
  try {
    await startChild(undoLater, {
      workflowId,
      args: [{ left }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: `${left.node}: undo what a run has left`,
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

async function tell(workflowId: string, left: Leftover): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(workflowId).signal(undoMoreSignal, left);
    return true;
  } catch {
    return false;
  }
}
