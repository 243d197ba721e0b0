import type { NodeProgress, RollProgress } from '../../../domain/report.ts';
import { DEFAULT_COMMAND } from './style.ts';
import { guestName, phaseWord } from './words.ts';

/**
 * What changed from one look to the next, a line each, for logs and pipes.
 *
 * @param before Absent at the first look: everything that is not waiting is told.
 */
export function describeChanges(before: RollProgress | null, after: RollProgress, command = DEFAULT_COMMAND): string[] {
  const lines = after.nodes.flatMap((node) =>
    describeNode(
      before?.nodes.find((each) => each.node === node.node),
      node,
    ),
  );
  if (after.paused !== (before?.paused ?? false)) lines.push(after.paused ? 'paused' : 'resumed');
  if (after.waitingFor !== null && after.waitingFor !== before?.waitingFor && (after.asking || !after.paused)) {
    lines.push(
      after.asking
        ? `waits for you: ${after.waitingFor}; agree with: ${command} approve`
        : `waits for ${after.waitingFor}`,
    );
  }
  return lines;
}

function describeNode(before: NodeProgress | undefined, after: NodeProgress): string[] {
  const lines: string[] = [];
  if (after.phase !== (before?.phase ?? 'waiting')) lines.push(`${after.node}: ${phaseWord(after.phase)}`);
  for (const guest of after.guests) {
    const at = before?.guests.find((each) => each.vmid === guest.vmid)?.at ?? 'home';
    if (at === guest.at || guest.at === 'stays') continue;
    lines.push(`${after.node}: ${guestName(guest)} ${describeGuest(guest.at, guest.node)}`);
  }
  return lines;
}

function describeGuest(at: NodeProgress['guests'][number]['at'], node: string): string {
  switch (at) {
    case 'home':
      return `is back on ${node}`;
    case 'leaving':
      return 'is leaving';
    case 'away':
      return `runs on ${node}`;
    case 'returning':
      return 'is returning';
    case 'stopped':
      return 'is stopped';
    case 'stays':
      return `stays on ${node}`;
  }
}
