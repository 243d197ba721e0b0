import type { HaRuleSpec } from '../site.ts';
import type { Cluster } from './cluster.ts';

/** One entry of `blocking-ha-resources`: a service that keeps another off a node, and by which kind of rule. */
export interface HaBlocker {
  readonly sid: string;
  readonly cause: HaRuleSpec['type'];
}

/** What keeps the service `sid` off `target` (pve-ha-manager, Rules/NodeAffinity.pm and Rules/ResourceAffinity.pm). */
export function haBlockers(cluster: Cluster, sid: string, target: string): HaBlocker[] {
  if (!cluster.ha.isManaged(sid)) return [];
  return (cluster.site.haRules ?? [])
    .filter((rule) => rule.resources.includes(sid))
    .flatMap((rule): HaBlocker[] => {
      if (rule.type === 'node-affinity') {
        const allowed = !rule.strict || (rule.nodes ?? []).some((node) => node.split(':')[0] === target);
        return allowed ? [] : [{ sid, cause: rule.type }];
      }
      if (rule.affinity !== 'negative') return [];
      return rule.resources
        .filter((other) => other !== sid && isAt(cluster, other, target))
        .map((other) => ({ sid: other, cause: rule.type }));
    });
}

function isAt(cluster: Cluster, sid: string, node: string): boolean {
  const service = cluster.ha.services.get(sid);
  return service !== undefined && (service.node === node || service.target === node);
}

/** Where the companions of `sid` are or go, which it has to follow. */
export function companionsAt(cluster: Cluster, sid: string): string | undefined {
  const companions = (cluster.site.haRules ?? [])
    .filter((rule) => rule.type === 'resource-affinity' && rule.affinity !== 'negative' && rule.resources.includes(sid))
    .flatMap((rule) => rule.resources)
    .filter((other) => other !== sid)
    .flatMap((other) => cluster.ha.services.get(other) ?? []);
  const moving = companions.find((service) => service.target !== undefined);
  return moving?.target;
}

/** `GET /cluster/ha/rules` */
export function ruleEntry(rule: HaRuleSpec): Record<string, string | number> {
  return {
    rule: rule.rule,
    type: rule.type,
    resources: rule.resources.join(','),
    ...(rule.nodes ? { nodes: rule.nodes.join(',') } : {}),
    ...(rule.strict ? { strict: 1 } : {}),
    ...(rule.affinity ? { affinity: rule.affinity } : {}),
  };
}
