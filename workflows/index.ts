/** The only entry of the workflow bundle. */
export { deliverMail } from './deliver-mail.ts';
export { maintenanceLease } from './maintenance-lease.ts';
export { patchFleet } from './patch-fleet.ts';
export { patchHost } from './patch-host.ts';
export { powerGuard } from './power-guard.ts';
export { powerOutage } from './power-outage.ts';
export { powerPlan } from './power-plan.ts';
export { powerRestore } from './power-restore.ts';
export { provisionNutClients } from './provision-nut-clients.ts';
export { removeNutClients } from './remove-nut-clients.ts';
export { removeSnapshot } from './remove-snapshot.ts';
export { rollingUpdate } from './rolling-update.ts';
export { undoLater } from './undo-later.ts';
export { updateNode } from './update-node.ts';
export { weeklyUpdates } from './weekly-updates.ts';
