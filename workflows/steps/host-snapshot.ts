import {
  CancellationScope,
  ChildWorkflowCancellationType,
  getExternalWorkflowHandle,
  log,
  ParentClosePolicy,
  startChild,
  type SignalDefinition,
  workflowInfo,
} from '@temporalio/workflow';
import { toMilliseconds } from '../../domain/duration.ts';
import { SNAPSHOT_PREFIX } from '../../domain/patch.ts';
import { removeSnapshotId } from '../../domain/ids.ts';
import { keepSnapshotSignal, removeNowSignal } from '../messages.ts';
import { removeSnapshot } from '../remove-snapshot.ts';
import { explain } from './failures.ts';
import type { HostRun } from './host-run.ts';

/** A snapshot that this run has taken, and whose removal is arranged for. */
export interface HostSnapshot {
  readonly vmid: number;
  readonly name: string;
  /** It is not needed: nothing has changed since. */
  discard(): Promise<void>;
  /** It stays until a person removes it. */
  keep(): Promise<void>;
}

/**
 * Takes the snapshot to which the host can be taken back; null where the policy wants none. Its removal is arranged for
 * before it is taken, by a run of its own that outlives this one, so that it can never be forgotten.
 */
export async function takeSnapshot(run: HostRun): Promise<HostSnapshot | null> {
  const { host, policy, journal, cluster, snapshotting } = run;
  if (policy.snapshot === 'none') return null;
  const { vmid } = host;
  if (vmid === null) {
    journal.warn('it is no guest of the cluster, so there is no snapshot of it');
    return null;
  }
  journal.enter('snapshot');
  const { runId, startTime } = workflowInfo();
  const name = `${SNAPSHOT_PREFIX}${startTime.toISOString().slice(0, 10)}-${runId.replaceAll('-', '').slice(0, 8)}`;
  const workflowId = removeSnapshotId(cluster, vmid, name);
  // It is kept for so long after the run, and may be needed at its end.
  const { snapshot, upgrade, reboot } = policy.timeouts;
  const whole = [policy.keepSnapshot, snapshot, upgrade, reboot, policy.rebootPause, policy.settle];
  const until = new Date(Date.now() + whole.reduce((sum, each) => sum + toMilliseconds(each), 0)).toISOString();
  await CancellationScope.nonCancellable(() =>
    startChild(removeSnapshot, {
      workflowId,
      args: [{ cluster, host: host.name, vmid, name, at: until, timeouts: policy.timeouts }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      staticSummary: `${host.name}: remove its snapshot ${name}`,
    }),
  );
  const tell = async (signal: SignalDefinition) => {
    await getExternalWorkflowHandle(workflowId)
      .signal(signal)
      .catch((error: unknown) => log.warn('The removal of a snapshot could not be told.', { workflowId, error }));
  };
  try {
    await snapshotting.ensureSnapshot.executeWithOptions({ summary: `${host.name}: snapshot ${name}` }, [
      { vmid, name, description: `Before ${host.name} was patched`, within: policy.timeouts.snapshot },
    ]);
  } catch (error) {
    journal.warn(`nothing was changed, for the snapshot could not be taken: ${explain(error)}`);
    await tell(removeNowSignal);
    throw error;
  }
  journal.snapshot({ name, until });
  return {
    vmid,
    name,
    async discard() {
      journal.snapshot(null);
      await tell(removeNowSignal);
    },
    async keep() {
      journal.snapshot({ name, until: null });
      await tell(keepSnapshotSignal);
    },
  };
}
