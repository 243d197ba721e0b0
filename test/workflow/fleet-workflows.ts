import { ApplicationFailure, CancellationScope, proxyActivities } from '@temporalio/workflow';
import type { HostReport } from '../../domain/patch.ts';
import { listenToOperator } from '../../workflows/steps/operator.ts';
import { describeOutcome, describeRun } from '../../workflows/steps/run-attributes.ts';
import type { PatchInput, PretendedPatch } from './fleet-world.ts';

/** The workflows that patch many hosts, over a pretended patching of one. */
export { deliverMail } from '../../workflows/deliver-mail.ts';
export { maintenanceLease } from '../../workflows/maintenance-lease.ts';
export { patchFleet } from '../../workflows/patch-fleet.ts';
export { weeklyUpdates } from '../../workflows/weekly-updates.ts';

const { pretendPatch } = proxyActivities<{ pretendPatch: (input: PatchInput) => Promise<PretendedPatch> }>({
  startToCloseTimeout: '5 minutes',
  retry: { maximumAttempts: 1 },
});

/** Does to a host what the test says, and hears its operator as the real one does: between two steps. */
export async function patchHost(input: PatchInput): Promise<HostReport> {
  const operator = listenToOperator(() => undefined);
  describeRun('host-patch', input.host);
  return CancellationScope.nonCancellable(async () => {
    const told = await pretendPatch(input);
    const report = (outcome: HostReport['outcome'], reason: string): HostReport => ({
      host: input.host,
      outcome,
      reason,
      remedy: null,
      packages: [],
      keptConffiles: [],
      removed: [],
      reboot: null,
      rebootPending: [],
      snapshot: null,
      warnings: [],
      startedAt: '2026-11-22T03:00:00.000Z',
      endedAt: '2026-11-22T03:01:00.000Z',
      ...told,
    });
    try {
      operator.stopIfAsked();
    } catch (error) {
      const reason = (error as Error).message;
      throw ApplicationFailure.nonRetryable(reason, 'Aborted', report('aborted', reason));
    }
    const done = report('patched', 'it was patched');
    describeOutcome(done.outcome);
    const bad = done.outcome === 'failed' || done.outcome === 'rolled-back';
    if (bad) throw ApplicationFailure.nonRetryable(done.reason, 'HostPatchFailed', done);
    return done;
  });
}
