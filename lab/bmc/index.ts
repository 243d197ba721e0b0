import type { Cluster } from '../cluster/cluster.ts';
import type { LabContext } from '../core/context.ts';
import type { Credentials } from '../credentials.ts';
import { BmcServer } from './server.ts';
import type { Standby } from './server.ts';

export type { BmcServer } from './server.ts';

/** Users of the nodes' controllers; all have the password of the credentials. */
export const BMC_USERS = {
  /** May do everything. */
  administrator: 'root',
  /** May look, and not turn anything on or off. */
  observer: 'observer',
} as const;

/** A management controller for every node, by the node's name. */
export async function startBmcs(
  context: LabContext,
  cluster: Cluster,
  standby: Standby,
  { bmcPassword: password }: Credentials,
): Promise<ReadonlyMap<string, BmcServer>> {
  const bmcs = new Map<string, BmcServer>();
  for (const { name, machine, spec } of cluster.nodes.values()) {
    const bmc = new BmcServer(context, {
      machine,
      standby,
      recovery: spec.acRecovery,
      users: [
        { name: BMC_USERS.administrator, password, privilege: 'administrator' },
        { name: BMC_USERS.observer, password, privilege: 'user' },
      ],
    });
    await bmc.start();
    bmcs.set(name, bmc);
  }
  return bmcs;
}
