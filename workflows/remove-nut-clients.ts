import type { NutClientsInput, NutClientsReport } from '../domain/nut-client.ts';
import { onEachNode } from './steps/nut-clients.ts';
import { unprotectNode } from './steps/protect-node.ts';

/**
 * Takes back what `provisionNutClients` has made, one node after the other: files and service are as they were before, and
 * the package goes if it came with them. The log of events stays.
 *
 * Fails as `provisionNutClients` does.
 */
export async function removeNutClients(input: NutClientsInput | null = null): Promise<NutClientsReport> {
  return onEachNode('remove', input, unprotectNode);
}
