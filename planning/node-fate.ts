import type { NodeFate } from '../domain/outage.ts';

const AWAY: ReadonlySet<NodeFate> = new Set(['going-down', 'off', 'unverified', 'waking', 'missing']);

/** A node that the outage has taken away, or may have. One that was off before is none of its business. */
export function isAway(fate: NodeFate): boolean {
  return AWAY.has(fate);
}
