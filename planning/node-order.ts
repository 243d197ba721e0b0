import type { ClusterSnapshot } from '../domain/cluster.ts';
import type { RollSettings } from '../domain/policy.ts';

/**
 * Nodes in the order in which they are updated: as the policy or the configuration lists them, but the node that runs
 * the orchestrator's own guest last, so that a run is interrupted by its own move as late as possible.
 */
export function orderNodes(settings: RollSettings, snapshot: ClusterSnapshot): string[] {
  const wanted = settings.policy.nodes.length > 0 ? settings.policy.nodes : settings.nodes;
  const own = snapshot.guests.find((guest) => guest.vmid === settings.orchestratorGuest)?.node;
  return [...wanted.filter((node) => node !== own), ...wanted.filter((node) => node === own)];
}
