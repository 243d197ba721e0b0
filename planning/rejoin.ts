import type { NodeHealth } from '../domain/cluster.ts';

/** What a node must show before it counts as back: nothing less than it had before it went away. */
export interface RejoinExpectation {
  readonly bootIdBefore: string | null;
  readonly kernel: string | null;
  readonly services: readonly string[];
  readonly storages: readonly string[];
}

/** What is still missing until the node is a full member again; empty when it is. */
export function missingForRejoin(health: NodeHealth, expected: RejoinExpectation): string[] {
  const missing: string[] = [];
  if (health.bootId === null) missing.push('does not answer over SSH');
  else if (health.bootId === expected.bootIdBefore) missing.push('has not rebooted: its boot id is the old one');
  if (expected.kernel !== null && health.runningKernel !== null && health.runningKernel !== expected.kernel) {
    missing.push(`runs kernel ${health.runningKernel} instead of ${expected.kernel}`);
  }
  if (!health.onlineForPeers) missing.push('is offline for the other nodes');
  if (!health.peersQuorate) missing.push('the cluster is not quorate');
  if (health.ownQuorate === null) missing.push('does not answer over its API');
  else if (!health.ownQuorate) missing.push('does not see a quorate cluster itself');
  for (const service of expected.services) {
    if (!health.activeServices.includes(service)) missing.push(`service ${service} is not active`);
  }
  for (const storage of expected.storages) {
    if (!health.activeStorages.includes(storage)) missing.push(`storage ${storage} is not active`);
  }
  if (health.lrmFresh === false) missing.push('its HA resource manager does not report');
  return missing;
}
