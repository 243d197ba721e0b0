import type { GuestProgress, NodePhase, NodeProgress, RollProgress } from '../../../domain/report.ts';
import { guestName } from './words.ts';

/** Phases in which the run has, or may have, set the maintenance flag or moved guests. */
const TOUCHED: ReadonlySet<NodePhase> = new Set([
  'maintenance',
  'draining',
  'upgrading',
  'rebooting',
  'rejoining',
  'returning',
  'undoing',
]);

/** What a canceled run takes back before it ends, an item each. */
export function describeTidyUp({ nodes }: RollProgress): string[] {
  return nodes.filter((node) => TOUCHED.has(node.phase)).flatMap(describeNode);
}

function describeNode({ node, phase, phases, guests }: NodeProgress): string[] {
  const items = guests.flatMap((guest) => describeGuest(guest, node));
  if (phases.some((each) => each.phase === 'maintenance')) items.push(`HA maintenance mode of ${node} is switched off`);
  if (phase === 'upgrading') items.unshift(`the package upgrade of ${node} is let finish`);
  return items;
}

function describeGuest(guest: GuestProgress, home: string): string[] {
  switch (guest.at) {
    case 'leaving':
    case 'away':
    case 'returning':
      return [`${guestName(guest)} is brought back to ${home}`];
    case 'stopped':
      return [`${guestName(guest)} is started again on ${home}`];
    case 'home':
    case 'stays':
      return [];
  }
}
