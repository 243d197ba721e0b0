import type { NodeFate, NodeShutdown, OutagePlan } from '../domain/outage.ts';

export interface WhatIsKnown {
  readonly fates: Readonly<Record<string, NodeFate>>;
  /** Null when nothing is known of the site: then every node of the configuration may be up. */
  readonly plan: OutagePlan | null;
  /** The plan is made from what the cluster says now. */
  readonly isFresh: boolean;
  /** Of the configuration. */
  readonly nodes: readonly string[];
}

export interface NodesLeft {
  /** With their guests, in the order in which they go. */
  readonly up: readonly NodeShutdown[];
  /** Told before, and not proved to be off. */
  readonly going: readonly string[];
  /** They would come up on battery and find nobody to shut them down. */
  readonly booting: readonly string[];
}

/** Where the cluster says nothing now, these need not be told. One that may be on is: telling it twice is telling it once. */
const NEEDS_NO_WORD: ReadonlySet<NodeFate> = new Set(['going-down', 'off', 'off-before', 'waking']);

/**
 * What phase 3 has to shut down. The cluster's own word goes before what this outage believes of a node: one that somebody
 * has turned on meanwhile is up, whatever became of it before.
 */
export function nodesLeft({ fates, plan, isFresh, nodes }: WhatIsKnown): NodesLeft {
  const named = (fate: NodeFate): string[] => nodes.filter((node) => fates[node] === fate);
  const going = named('going-down');
  const isDone = (node: string): boolean => (isFresh ? going.includes(node) : NEEDS_NO_WORD.has(fates[node] ?? 'on'));
  const planned: readonly NodeShutdown[] =
    plan === null
      ? nodes.map((node) => ({ node, moves: [], tiers: [], budget: 0 }))
      : [...plan.shed.nodes, ...plan.final.nodes];
  const up = planned.filter(({ node }) => !isDone(node));
  return { up, going, booting: named('waking').filter((node) => !up.some((each) => each.node === node)) };
}

/** Nothing runs any more, and nothing is about to. */
export function isAllDown(fates: Readonly<Record<string, NodeFate>>): boolean {
  return Object.values(fates).every((fate) => DOWN.has(fate));
}

const DOWN: ReadonlySet<NodeFate> = new Set(['going-down', 'off', 'unverified', 'off-before', 'missing']);
