import { forecastQuorum } from '../../planning/quorum-forecast.ts';
import { waitingActivities } from './activities.ts';
import type { NodeRun } from './node-run.ts';

/**
 * Disarms HA where the reboot would otherwise make the watchdogs reset the survivors, and the policy allows it. Not
 * earlier than right before the reboot: while it is disarmed, nobody restarts a guest that fails.
 */
export async function disarmIfItWouldFence({ node, policy, quick, ledger, journal }: NodeRun): Promise<void> {
  if (policy.disarmHa === 'never') return;
  const snapshot = await quick.readCluster.executeWithOptions(
    { summary: `${node}: see whether HA would fence without it` },
    [{ leaving: [] }],
  );
  if (forecastQuorum(snapshot, node).verdict !== 'would-fence') return;
  ledger.add({ kind: 'ha-armed' });
  const within = policy.timeouts.haMove;
  await waitingActivities(policy.timeouts, within).ensureHaArmed.executeWithOptions(
    { summary: `${node}: disarm HA for the reboot` },
    [{ armed: false, within }],
  );
  journal.warn(`HA was disarmed while ${node} was away`);
}
