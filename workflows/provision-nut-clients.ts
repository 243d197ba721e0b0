import type { NutClientsInput, NutClientsReport } from '../domain/nut-client.ts';
import { onEachNode } from './steps/nut-clients.ts';
import { protectNode } from './steps/protect-node.ts';

/**
 * Makes the nodes secondaries of the NUT server, one after the other: a node that is one shuts itself down on a low battery
 * and on the server's order (FSD), although Caretaker, Temporal and the API are dead.
 *
 * Guarantees: a node whose client is as declared is not touched; what a file held before lies beside it; a change that does
 * not prove itself, by upsmon that runs, `upsc` that answers and the server that lists the node, is taken back. One node's
 * failure does not keep the others from their turn. The password of the server's user goes to the nodes alone.
 *
 * Fails with `InvalidInput`, or with `NutClientsFailed`, `Refused` or `Aborted` that carry the NutClientsReport as first
 * detail.
 */
export async function provisionNutClients(input: NutClientsInput | null = null): Promise<NutClientsReport> {
  return onEachNode('provision', input, protectNode);
}
