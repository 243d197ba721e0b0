import { createBackupActivities } from './backups.ts';
import { createCephActivities } from './ceph.ts';
import { createAutoremoveActivities } from './autoremove.ts';
import { createClusterActivities } from './cluster.ts';
import { createConditionActivities } from './condition.ts';
import type { ActivityDeps } from './deps.ts';
import { createDowntimeActivities } from './downtime.ts';
import { guardAll } from './guard.ts';
import { createGuestActivities } from './guests.ts';
import { createLastBackupActivities } from './last-backup.ts';
import { createMailActivities } from './mail.ts';
import { createHaArmingActivities } from './ha-arming.ts';
import { createKernelCanaryActivities } from './kernel-canary.ts';
import { createHostBootActivities } from './host-boot.ts';
import { createHostUpgradeActivities } from './host-upgrade.ts';
import { createHostPlaceActivities } from './host-place.ts';
import { createLeaseActivities } from './lease.ts';
import { createMaintenanceMarkActivities } from './maintenance-mark.ts';
import { createMaintenanceActivities } from './maintenance.ts';
import { createNodeActivities } from './node.ts';
import { createNutClientActivities } from './nut-client/index.ts';
import { createPatchSettingsActivities } from './patch-settings.ts';
import { createProbeActivities } from './probes.ts';
import { createRebootActivities } from './reboot.ts';
import { createReplicationActivities } from './replication.ts';
import { createSettingsActivities } from './settings.ts';
import { createSnapshotActivities } from './snapshots.ts';
import { createUpgradeActivities } from './upgrade.ts';
import { createWindowActivities } from './windows.ts';

export type { ActivityDeps } from './deps.ts';
export type { Postbox } from './mail.ts';
export type NodeActivities = ReturnType<typeof createNodeUpdateActivities>;
export type HostActivities = ReturnType<typeof createHostActivities>;
export type NutClientActivities = ReturnType<typeof createNutClientActivities>;
export type Activities = NodeActivities & HostActivities & NutClientActivities;

/** All activities of the task queue `maintenance`, over the given connections to the world. */
export function createActivities(deps: ActivityDeps) {
  return guardAll({
    ...createNodeUpdateActivities(deps),
    ...createHostActivities(deps),
    ...createNutClientActivities(deps),
  });
}

/** For the patching of hosts alone. */
function createHostActivities(deps: ActivityDeps) {
  return {
    ...createPatchSettingsActivities(deps),
    ...createHostPlaceActivities(deps),
    ...createSnapshotActivities(deps),
    ...createLastBackupActivities(deps),
    ...createHostUpgradeActivities(deps),
    ...createHostBootActivities(deps),
  };
}

/** For rolling updates; the patching of hosts shares some. */
function createNodeUpdateActivities(deps: ActivityDeps) {
  return {
    ...createSettingsActivities(deps),
    ...createClusterActivities(deps),
    ...createLeaseActivities(),
    ...createConditionActivities(deps),
    ...createNodeActivities(deps),
    ...createMaintenanceActivities(deps),
    ...createMaintenanceMarkActivities(deps),
    ...createHaArmingActivities(deps),
    ...createBackupActivities(deps),
    ...createCephActivities(deps),
    ...createReplicationActivities(deps),
    ...createGuestActivities(deps),
    ...createUpgradeActivities(deps),
    ...createKernelCanaryActivities(deps),
    ...createRebootActivities(deps),
    ...createMailActivities(deps),
    ...createWindowActivities(),
    ...createProbeActivities(deps),
    ...createAutoremoveActivities(deps),
    ...createDowntimeActivities(deps),
  };
}
