import type { RunRef } from './lease.ts';

/** What a run leaves on a node before it sets the HA maintenance flag: that the flag is its own. */
export interface MaintenanceMark extends RunRef {
  /** ISO 8601. */
  readonly since: string;
  /** Boot of the node at that time. */
  readonly bootId: string;
}

/** What became of a run. `broken-off`: it was terminated and could not tidy up. */
export interface RunFate {
  readonly state: 'running' | 'ended' | 'broken-off';
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string | null;
}

export interface MarkFacts {
  readonly mark: MaintenanceMark | null;
  /** Present boot of the node. */
  readonly bootId: string;
  /** The run of the mark; null when Temporal does not know it. */
  readonly owner: RunFate | null;
  /** The last `undoLater` of the node, if there was one. */
  readonly undoLater: RunFate | null;
}
