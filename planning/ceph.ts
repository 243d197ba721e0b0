import type { CephState } from '../domain/ceph.ts';

/** What Ceph says about flags that are set, as ours is during a reboot. */
const FLAG_CHECKS: readonly string[] = ['OSD_FLAGS', 'OSDMAP_FLAGS'];

/**
 * Why no node of the cluster may go away now, or what is missing after one has come back; empty when Ceph is well. It is
 * judged by its checks and not by its one-word health, which our own flag spoils.
 *
 * @param flagged Our own flag is set.
 * @param ignored Names of checks that the policy takes for harmless.
 */
export function whyCephHolds(
  { checks, placementGroups }: CephState,
  { flagged, ignored }: { readonly flagged: boolean; readonly ignored: readonly string[] },
): string[] {
  const complaints = checks
    .filter(({ name, muted }) => !muted && !ignored.includes(name) && !(flagged && FLAG_CHECKS.includes(name)))
    .map(({ name, message }) => `${name}: ${message}`);
  const unclean = Object.entries(placementGroups).filter(([state, count]) => count > 0 && !isClean(state));
  const known = Object.values(placementGroups).some((count) => count > 0);
  return [
    ...complaints,
    ...unclean.map(([state, count]) => `${count} placement groups are ${state}`),
    ...(known ? [] : ['it tells no state of its placement groups']),
  ];
}

/** Scrubbing only reads. */
function isClean(state: string): boolean {
  const words = state.split('+').filter((word) => word !== 'scrubbing' && word !== 'deep');
  return words.sort().join('+') === 'active+clean';
}
