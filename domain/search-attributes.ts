/** Search attributes of every run, all keywords; the worker registers them when it starts. */
export const SearchAttribute = {
  /** `rolling-update`, `node-update`, `host-patch`, `remove-snapshot`, `undo-later`, `mail`. */
  kind: 'MaintenanceKind',
  /** Node, or host of the inventory. */
  node: 'MaintenanceNode',
  /** `running`, then the report's outcome. */
  outcome: 'MaintenanceOutcome',
} as const;
