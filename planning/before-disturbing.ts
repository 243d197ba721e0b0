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
  const reasons = reasonsNotToGoOn(snapshot, node, disarmHa);
  const staying = new Set(moves.filter((move) => move.how === 'leave').map((move) => move.vmid));
  for (const guest of snapshot.guests) {
    if (guest.node === node && guest.running && !guest.template && !staying.has(guest.vmid)) {
      reasons.push(`${guest.name} (${guest.vmid}) runs on ${node}, although it was to be empty`);
    }
  }
  return reasons;
}

/** Reasons not to try again what failed on the way to that: the cluster as a whole could not do without `node`. */
export function reasonsNotToGoOn(snapshot: ClusterSnapshot, node: string, disarmHa: Policy['disarmHa']): string[] {
  const reasons = othersAway(snapshot, node);
  if (!snapshot.quorum.quorate) reasons.push('the cluster is not quorate');
  const quorum = forecastQuorum(snapshot, node, disarmHa);
  if (quorum.verdict === 'would-fence' || quorum.verdict === 'loses-quorum') reasons.push(quorum.explanation);
  return reasons;
}

/** Nodes beside `node` that are away, a sentence each. */
export function othersAway(snapshot: ClusterSnapshot, node: string): string[] {
  return snapshot.nodes
    .filter((each) => each.name !== node && !each.online)
    .map((other) => `${other.name} went offline meanwhile, and at most one node may be away`);
}
