/** Workflow ids are business ids: the same id cannot run twice at the same time. */
export function rollingUpdateId(cluster: string): string {
  return `rolling-update/${cluster}`;
}

/**
 * Whether a schedule started it: Temporal appends the time to the id, `rolling-update/homelab-2026-11-22T03:00:00Z`.
 *
 * @param plain The id without the time, as the schedule has it.
 */
export function isScheduled(workflowId: string, plain: string): boolean {
  return workflowId.startsWith(plain) && /^-\d{4}-\d{2}-\d{2}T[\d:]+Z$/.test(workflowId.slice(plain.length));
}

/**
 * A dry run has an id of its own, so that planning never waits for a real run and never stands in its way.
 *
 * @param time Any text that makes the id new, such as an ISO 8601 time.
 */
export function rollingUpdatePlanId(cluster: string, time: string): string {
  return `rolling-update-plan/${cluster}/${time}`;
}

/** Of the plan that a schedule makes; Temporal appends the time. */
export function scheduledPlanId(cluster: string): string {
  return rollingUpdatePlanId(cluster, 'scheduled');
}

/** One id for all nodes of a cluster, so that no two of them can be updated at the same time, whoever asks. */
export function updateNodeId(cluster: string): string {
  return `update-node/${cluster}`;
}

/** One for each node: what a second run leaves there is added to what the first has left. */
export function undoLaterId(cluster: string, node: string): string {
  return `undo-later/${cluster}/${node}`;
}

export function isUndoLater(workflowId: string, cluster: string): boolean {
  return workflowId.startsWith(undoLaterId(cluster, ''));
}

/** One for each snapshot. */
export function removeSnapshotId(cluster: string, vmid: number, snapshot: string): string {
  return `remove-snapshot/${cluster}/${vmid}/${snapshot}`;
}

/** One for each host, so that none is patched twice at the same time, whoever asks. */
export function patchHostId(cluster: string, host: string): string {
  return `patch-host/${cluster}/${host}`;
}

/** @param name Group, or host. */
export function patchFleetId(cluster: string, name: string): string {
  return `patch-fleet/${cluster}/${name}`;
}

export function weeklyUpdatesId(cluster: string): string {
  return `weekly-updates/${cluster}`;
}

/**
 * A dry run has an id of its own, so that looking never waits for a real run and never stands in its way.
 *
 * @param id Of the run that it looks ahead to.
 * @param unique Any text that makes the id new, such as a run id.
 */
export function dryRunId(id: string, unique: string): string {
  return `plan/${id}/${unique}`;
}

/** The same mail has the same id, so it is sent once. */
export function mailId(id: string): string {
  return `mail/${id}`;
}

/** The one lease of a cluster: whoever disturbs it holds this. */
export function maintenanceLeaseId(cluster: string): string {
  return `maintenance-lease/${cluster}`;
}

/**
 * Name of a remote job on a host: the same step of the same run finds its job again, whoever asks.
 * Only characters that a systemd unit name and a file name take.
 */
export function remoteJobId(step: string, runId: string): string {
  return `${step}-${runId}`.replaceAll(/[^A-Za-z0-9-]/g, '-');
}

/** One for each UPS, for ever. */
export function powerGuardId(ups: string): string {
  return `power-guard/${ups}`;
}

/** One for each UPS: no second run answers the same outage. */
export function powerOutageId(ups: string): string {
  return `power-outage/${ups}`;
}

export function powerRestoreId(ups: string): string {
  return `power-restore/${ups}`;
}

/** It changes nothing, so several may run. */
export function powerPlanId(ups: string, time: string): string {
  return `power-plan/${ups}/${time}`;
}

/** Never that of an outage: a rehearsal must not stand in the way of a real one. */
export function powerRehearsalId(ups: string): string {
  return `power-rehearsal/${ups}`;
}

/** One id for both, so that the NUT clients of the nodes are never made and removed at the same time. */
export function nutClientsId(cluster: string): string {
  return `provision/nut-clients/${cluster}`;
}
