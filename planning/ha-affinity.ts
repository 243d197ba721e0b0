import type { Guest, HaRule, Obstacle } from '../domain/cluster.ts';

/** Where each HA service is or will be; a service that has no place yet is missing. */
export type ServicePlaces = ReadonlyMap<string, string>;

/** Rules of the HA manager that keep `guest` off `target`, given where the other services are. */
export function affinityObstacles(
  guest: Guest,
  target: string,
  rules: readonly HaRule[],
  places: ServicePlaces,
): Obstacle[] {
  const { ha } = guest;
  if (ha === null) return [];
  return rules
    .filter((rule) => rule.sids.includes(ha.sid))
    .flatMap((rule): Obstacle[] => {
      const reason = whyNot(rule, ha.sid, target, places);
      return reason === null ? [] : [{ code: 'ha-rule', detail: `${rule.name} (${reason})`, target }];
    });
}

function whyNot(rule: HaRule, sid: string, target: string, places: ServicePlaces): string | null {
  if (rule.kind === 'node-affinity') {
    return !rule.strict || rule.nodes.includes(target) ? null : `only on ${rule.nodes.join(', ')}`;
  }
  const others = rule.sids.filter((other) => other !== sid && places.has(other));
  const wrong = rule.together
    ? others.find((other) => places.get(other) !== target)
    : others.find((other) => places.get(other) === target);
  if (wrong === undefined) return null;
  return rule.together ? `together with ${wrong} on ${places.get(wrong)}` : `not on the node of ${wrong}`;
}

/** Guests that have to go to one node, because the HA manager keeps them together; each other one is by itself. */
export function movingTogether(guests: readonly Guest[], rules: readonly HaRule[]): Guest[][] {
  const groups = rules.flatMap((rule) => (rule.kind === 'resource-affinity' && rule.together ? [rule.sids] : []));
  const units: Guest[][] = [];
  for (const guest of guests) {
    const bound = units.filter((unit) => unit.some((other) => boundBy(groups, guest, other)));
    const joined = [...bound.flat(), guest];
    units.splice(0, units.length, ...units.filter((unit) => !bound.includes(unit)), joined);
  }
  return units;
}

/** Whether the HA manager forbids any of the ones to meet any of the others on a node. */
export function keptApart(ones: readonly Guest[], others: readonly Guest[], rules: readonly HaRule[]): boolean {
  const groups = rules.flatMap((rule) => (rule.kind === 'resource-affinity' && !rule.together ? [rule.sids] : []));
  return ones.some((one) => others.some((other) => boundBy(groups, one, other)));
}

function boundBy(groups: readonly (readonly string[])[], a: Guest, b: Guest): boolean {
  const [one, other] = [a.ha?.sid, b.ha?.sid];
  return one !== undefined && other !== undefined && groups.some((sids) => sids.includes(one) && sids.includes(other));
}
