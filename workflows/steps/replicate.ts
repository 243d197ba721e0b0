import type { GuestMove } from '../../domain/plan.ts';
import type { Policy } from '../../domain/policy.ts';
import { waitingActivities } from './activities.ts';

interface ReplicatedMove extends Pick<GuestMove, 'vmid' | 'name' | 'replicated'> {
  readonly from: string;
  /** Null when the HA manager decides. */
  readonly to: string | null;
}

/** Replicates the disks of a guest once more before it moves; fails if that does not work. */
export async function syncBeforeMove(
  { vmid, name, replicated, from, to }: ReplicatedMove,
  policy: Pick<Policy, 'timeouts'>,
): Promise<void> {
  if (!replicated) return;
  const { replication: within } = policy.timeouts;
  await waitingActivities(policy.timeouts, within).syncReplication.executeWithOptions(
    { summary: `${name} (${vmid}): replicate it ${to === null ? '' : `to ${to} `}before it moves` },
    [{ vmid, name, node: from, target: to, within }],
  );
}
