/** Search attributes of every run, all keywords; the worker registers them when it starts. */
export const SearchAttribute = {
  /** `rolling-update`, `node-update`, `undo-later`, `mail`. */
  kind: 'MaintenanceKind',
  node: 'MaintenanceNode',
  /** `running`, then the report's outcome. */
  outcome: 'MaintenanceOutcome',
} as const;
