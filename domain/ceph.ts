/** Ceph as one node sees it; a cluster without Ceph has none. */
export interface CephState {
  /** What Ceph itself complains about, by its own names. */
  readonly checks: readonly CephCheck[];
  /** Placement groups by their state, such as `active+clean`. */
  readonly placementGroups: Readonly<Record<string, number>>;
  /** Monitors in quorum, by their names. */
  readonly monitors: readonly string[];
  /** Hosts whose OSDs are not to be marked out while they are down. */
  readonly nooutHosts: readonly string[];
}

export interface CephCheck {
  /** `OSD_DOWN`, `PG_DEGRADED`, … */
  readonly name: string;
  readonly message: string;
  /** An operator does not want to hear of it. */
  readonly muted: boolean;
}
