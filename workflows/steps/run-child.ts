import {
  CancellationScope,
  type ChildWorkflowHandle,
  type Workflow,
  type WorkflowResultType,
} from '@temporalio/workflow';
import { abortSignal } from '../messages.ts';
import type { Operator } from './operator.ts';

/**
 * Runs a child to its end. It hears all that people ask of its parent, and ends after its current step; the parent waits for
 * that.
 *
 * @param whenCancelled What the child hears when the parent is cancelled. A run that was aborted can hand its report over,
 *   while Temporal keeps no details of one that was canceled.
 */
export function runChild<W extends Workflow>(
  operator: Pick<Operator, 'forwardTo'>,
  whenCancelled: 'cancel' | 'abort',
  start: () => Promise<ChildWorkflowHandle<W>>,
): Promise<WorkflowResultType<W>> {
  // A scope of its own: that of the parent cannot be cancelled.
  const scope = new CancellationScope({ cancellable: true });
  return scope.run(async () => {
    const child = await start();
    const stopForwarding = operator.forwardTo(child, () => {
      if (whenCancelled === 'cancel') scope.cancel();
      // In the scope of the parent, which is cancelled, nothing could be sent any more.
      else void CancellationScope.nonCancellable(() => child.signal(abortSignal)).catch(() => undefined);
    });
    try {
      return await child.result();
    } finally {
      stopForwarding();
    }
  });
}
