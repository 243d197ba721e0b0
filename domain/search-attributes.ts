/** Search attributes of every run, all keywords; the worker registers them when it starts. */
export const SearchAttribute = {
  /**
   * `rolling-update`, `node-update`, `host-patch`, `fleet-patch`, `weekly-updates`, `remove-snapshot`, `undo-later`,
   * `nut-clients`, `mail`, `power-guard`, `power-outage`, `power-restore`.
   */
  kind: 'MaintenanceKind',
  /** Node, or host or group of the inventory. */
  node: 'MaintenanceNode',
  /** `running`, then the report's outcome. */
  outcome: 'MaintenanceOutcome',
} as const;
