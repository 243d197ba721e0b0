import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import { explain } from './failures.ts';
import type { NodeRun } from './node-run.ts';

/** For the report alone: tried a few times, and given up rather than holding anything up. */
const { markTasks, measureDowntime } = proxyActivities<Pick<Activities, 'markTasks' | 'measureDowntime'>>({
  startToCloseTimeout: '2 minutes',
  scheduleToCloseTimeout: '5 minutes',
  heartbeatTimeout: '20 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1 second', maximumAttempts: 4 },
});

/** Tells the journal how long the guests of the node were down, when all is over. Never fails. */
export type DowntimeWatch = () => Promise<void>;

/** Begins to watch how long the guests that will be disturbed are down. Never fails. */
export async function watchDowntime(
  { node, plan, journal }: Pick<NodeRun, 'node' | 'plan' | 'journal'>,
  nodes: readonly string[],
): Promise<DowntimeWatch> {
  const vmids = plan.moves.map(({ vmid }) => vmid);
  if (vmids.length === 0) return () => Promise.resolve();
  const giveUp = (error: unknown) => {
    journal.warn(`How long the guests of ${node} were down is not known: ${explain(error)}`);
  };
  try {
    const since = await markTasks.executeWithOptions({ summary: `${node}: note where the task lists end` }, [
      { nodes },
    ]);
    const summary = `${node}: see how long its guests were down`;
    return () =>
      measureDowntime.executeWithOptions({ summary }, [{ since, vmids }]).then(journal.downtimes).catch(giveUp);
  } catch (error) {
    giveUp(error);
    return () => Promise.resolve();
  }
}
