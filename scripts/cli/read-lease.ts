import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { maintenanceLeaseId } from '../../domain/ids.ts';
import type { LeaseView } from '../../domain/lease.ts';
import { Message } from '../../domain/messages.ts';
import { ifAnswered } from './temporal.ts';

/** Who has the cluster and who waits for it; null when nobody has asked, or no worker answers. */
export async function readLease(client: Client, cluster: string): Promise<LeaseView | null> {
  const lease = client.workflow.getHandle(maintenanceLeaseId(cluster));
  try {
    return await ifAnswered(client, () => lease.query<LeaseView>(Message.lease));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
