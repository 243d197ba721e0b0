import { toMilliseconds } from '../domain/duration.ts';
import type { MarkFacts } from '../domain/maintenance-mark.ts';
import type { PolicyTimeouts } from '../domain/policy.ts';

/**
 * Why a maintenance flag is nobody's to sweep away; null when a run of ours set it, was broken off, and nobody else will
 * take it off. What is not known counts against it.
 *
 * @param now Milliseconds since the epoch.
 */
export function whyNotSwept(
  { mark, owner, undoLater, bootId }: MarkFacts,
  now: number,
  timeouts: Pick<PolicyTimeouts, 'reboot' | 'undoLater'>,
): string | null {
  if (mark === null) return 'it was set by somebody else';
  if (owner === null) return 'the run that set it is not known any more';
  if (undoLater?.state === 'running')
    return 'what an earlier run has left on the node is being undone (caretaker undo)';
  // One that ended after the run had begun may have had the flag on its list.
  const handedOver = undoLater !== null && Date.parse(undoLater.endedAt ?? '') >= Date.parse(owner.startedAt);
  const last = handedOver ? undoLater : owner;
  if (last.state === 'running') return 'the run that set it is at work';
  if (last.state === 'ended') return 'the run that set it has left it to people';
  // Somebody may have had it off and on again.
  if (!(now - Date.parse(mark.since) < toMilliseconds(timeouts.undoLater))) return 'it was set too long ago';
  const quietSince = Date.parse(last.endedAt ?? '') + toMilliseconds(timeouts.reboot);
  if (bootId === mark.bootId && !(now >= quietSince)) {
    return `the run that set it was broken off a moment ago, and a reboot may still come; start again after ${timeouts.reboot}`;
  }
  return null;
}
