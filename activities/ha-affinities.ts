import {
  ProxmoxError,
  type HaResource,
  type HaRule as WireRule,
  type ProxmoxClient,
} from '../clients/proxmox/index.ts';
import type { HaRule } from '../domain/cluster.ts';

/** The rules in force for where HA services may run: `/cluster/ha/rules`, or the groups of releases before 9.0. */
export async function readHaAffinities(proxmox: ProxmoxClient, resources: readonly HaResource[]): Promise<HaRule[]> {
  try {
    return (await proxmox.haRules()).filter((rule) => !rule.disabled).map(fromRule);
  } catch (error) {
    if (!(error instanceof ProxmoxError && error.type === 'ProxmoxNotImplemented')) throw error;
  }
  return (await proxmox.haGroups()).map(({ group, nodes, restricted }) => ({
    kind: 'node-affinity',
    name: `group ${group}`,
    sids: resources.filter((resource) => resource.group === group).map(({ sid }) => sid),
    nodes,
    strict: restricted,
  }));
}

/** A kind of rule that is not known here binds like the strictest one: to no node but where its services are. */
function fromRule({ rule, type, resources: sids, nodes, strict, affinity }: WireRule): HaRule {
  if (type === 'resource-affinity') {
    return { kind: 'resource-affinity', name: `rule ${rule}`, sids, together: affinity !== 'negative' };
  }
  if (type === 'node-affinity') return { kind: 'node-affinity', name: `rule ${rule}`, sids, nodes, strict };
  return { kind: 'node-affinity', name: `rule ${rule} of the unknown kind ${type}`, sids, nodes: [], strict: true };
}
