import type { PowerSettings, SiteBefore } from '../domain/outage.ts';

/** Which nodes leave in which phase. */
export interface NodesInTurn {
  /** In the order of the configuration. */
  readonly shed: readonly string[];
  /** In the order in which they go. */
  readonly final: readonly string[];
  /** Why phase 2 has no node to shed although some are named for it and on; null: it has, or none is named. */
  readonly refused: string | null;
  readonly warnings: readonly string[];
}

/**
 * Sorts the nodes that are on. Phase 2 takes those that are named for it, but neither the node on which Caretaker itself
 * runs nor the last one that is up. In phase 3 the nodes go in the reverse order of the configuration; the one on which
 * Caretaker runs goes last. A node that was off before the outage is in neither, and so is never woken after it.
 */
export function nodesInTurn(site: SiteBefore, settings: PowerSettings): NodesInTurn {
  const on = new Set(site.nodes.filter(({ online }) => online).map(({ name }) => name));
  const own = ownNode(site, settings);
  const named = settings.shedNodes.filter((name) => on.has(name));
  const candidates = settings.nodes.filter((name) => named.includes(name) && name !== own);
  const others = [...on].filter((name) => !candidates.includes(name));
  const shed = others.length > 0 ? candidates : candidates.slice(1);
  const kept = named.filter((name) => !shed.includes(name));
  const final = settings.nodes.filter((name) => on.has(name) && !shed.includes(name)).reverse();
  const why = (name: string): string =>
    name === own
      ? `${name} stays until phase 3, for Caretaker itself runs there`
      : `${name} stays until phase 3, for no other node is on`;
  return {
    shed,
    final: [...final.filter((name) => name !== own), ...final.filter((name) => name === own)],
    refused: shed.length === 0 && kept.length > 0 ? kept.map(why).join('; ') : null,
    warnings: [
      ...settings.shedNodes
        .filter((name) => !on.has(name))
        .map((name) => `${name} is off already: phase 2 does nothing with it, and it is not woken afterwards`),
      ...(shed.length === 0 ? [] : kept.map(why)),
      ...[...on]
        .filter((name) => !settings.nodes.includes(name))
        .map((name) => `${name} is not in the configuration: it is left on until the battery is empty`),
    ],
  };
}

/** The node that holds the guest in which Caretaker runs; null where it runs outside the cluster, or is not known. */
function ownNode({ guests }: SiteBefore, { ownGuest }: PowerSettings): string | null {
  return guests.find(({ vmid }) => vmid === ownGuest)?.node ?? null;
}
