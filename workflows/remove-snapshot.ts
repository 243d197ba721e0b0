import { ApplicationFailure, condition, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import type { PatchTimeouts } from '../domain/patch.ts';
import { snapshotMail } from '../reports/snapshot-mail.ts';
import { keepSnapshotSignal, removeNowSignal } from './messages.ts';
import { waitingActivities } from './steps/activities.ts';
import { explain } from './steps/failures.ts';
import { notify } from './steps/notify.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';

export interface RemoveSnapshotInput {
  readonly cluster: string;
  readonly host: string;
  readonly vmid: number;
  readonly name: string;
  /** ISO 8601. */
  readonly at: string;
  readonly timeouts: PatchTimeouts;
}

/** A guest whose backup runs, or whose node is away, is tried again later. */
const TRIES = 24;
const PAUSE: Duration = '1 hour';

/**
 * Removes a snapshot when its time has come, or at once when it is told so. Told to keep it, it leaves it to a person.
 * What cannot be removed is tried for a day; then it fails, and a mail says so, for a snapshot grows with all that the
 * guest writes.
 */
export async function removeSnapshot(input: RemoveSnapshotInput): Promise<'removed' | 'kept'> {
  const { host, vmid, name, at, timeouts } = input;
  let kept = false;
  let now = false;
  setHandler(keepSnapshotSignal, () => void (kept = true), { description: 'Leave the snapshot to a person.' });
  setHandler(removeNowSignal, () => void (now = true), { description: 'Remove the snapshot now.' });
  describeRun('remove-snapshot', host);

  await condition(() => kept || now, Math.max(1, Date.parse(at) - Date.now()), {
    summary: `${name} of ${host} is kept until ${at}`,
  });
  for (let tries = 1; !kept; tries += 1) {
    try {
      const { removeSnapshot: remove } = waitingActivities(timeouts, timeouts.snapshot);
      await remove.executeWithOptions({ summary: `${host}: remove the snapshot ${name}` }, [
        { vmid, name, within: timeouts.snapshot },
      ]);
      describeOutcome('removed');
      return 'removed';
    } catch (error) {
      if (tries >= TRIES) throw await giveUp(input, explain(error));
    }
    await condition(() => kept, PAUSE, { summary: 'pause before another try' });
  }
  describeOutcome('kept');
  return 'kept';
}

async function giveUp({ host, vmid, name }: RemoveSnapshotInput, why: string): Promise<ApplicationFailure> {
  describeOutcome('failed');
  await notify(snapshotMail(`snapshot/${workflowInfo().runId}`, { host, vmid, name, why }));
  return ApplicationFailure.create({
    type: ErrorType.SnapshotFailed,
    message: `The snapshot ${name} of ${host} (${vmid}) could not be removed: ${why}`,
    nonRetryable: true,
  });
}
