import type { ClusterSnapshot } from '../domain/cluster.ts';
import type { GuestMove } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import { forecastQuorum } from './quorum-forecast.ts';

/**
 * Reasons not to upgrade or reboot `node` now, from a snapshot taken this moment: what was true when the plan was made
 * may have changed during a pause or an upgrade of an hour. Empty when it may go.
 *
 * @param disarmHa Before an upgrade, what the policy allows for the reboot; HA is disarmed only right before that.
 */
export function reasonsNotToDisturb(
  snapshot: ClusterSnapshot,
  node: string,
  moves: readonly GuestMove[],
  disarmHa: Policy['disarmHa'] = 'never',
): string[] {
  const reasons: string[] = [];
  for (const other of snapshot.nodes.filter((each) => each.name !== node && !each.online)) {
    reasons.push(`${other.name} went offline meanwhile, and at most one node may be away`);
  }
  if (!snapshot.quorum.quorate) reasons.push('the cluster is not quorate');
  const quorum = forecastQuorum(snapshot, node, disarmHa);
  if (quorum.verdict === 'would-fence' || quorum.verdict === 'loses-quorum') reasons.push(quorum.explanation);

  const staying = new Set(moves.filter((move) => move.how === 'leave').map((move) => move.vmid));
  for (const guest of snapshot.guests) {
    if (guest.node === node && guest.running && !guest.template && !staying.has(guest.vmid)) {
      reasons.push(`${guest.name} (${guest.vmid}) runs on ${node}, although it was to be empty`);
    }
  }
  return reasons;
}
