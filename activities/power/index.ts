import { guardAll } from '../guard.ts';
import { createGuestActivities, type MoveGuestInput } from '../guests.ts';
import { createHaArmingActivities } from '../ha-arming.ts';
import { createLeaseActivities } from '../lease.ts';
import { createMailActivities } from '../mail.ts';
import { createRebootActivities, type AwaitRejoinInput } from '../reboot.ts';
import type { PowerDeps } from './deps.ts';
import { createDoorActivities } from './doors.ts';
import { createPowerGuestActivities } from './guests.ts';
import { createHaRequestActivities } from './ha-requests.ts';
import { createPowerOffActivities } from './power-off.ts';
import { createPowerOnActivities } from './power-on.ts';
import { createReadingActivities } from './readings.ts';
import { createSiteActivities } from './site.ts';
import { createStopGuestsActivities } from './stop-guests.ts';
import { createWatchActivities } from './watch.ts';
import { createVoteActivities } from './votes.ts';

export type { PowerDeps, UpsReader } from './deps.ts';
export type PowerActivities = ReturnType<typeof createPowerActivities>;

/**
 * All activities of the task queue `power`, over the given connections to the world. Trouble of the world is an outcome
 * with words, not an error, but for what is shared with maintenance.
 */
export function createPowerActivities(deps: PowerDeps) {
  const reboots = createRebootActivities(deps);
  const guests = createGuestActivities(deps);
  return guardAll({
    ...createWatchActivities(deps),
    ...createReadingActivities(deps),
    ...createSiteActivities(deps),
    ...createStopGuestsActivities(deps),
    ...createPowerOffActivities(deps),
    ...createPowerOnActivities(deps),
    ...createPowerGuestActivities(deps),
    ...createVoteActivities(deps),
    ...createHaRequestActivities(deps),
    ...createDoorActivities(deps),
    ...createHaArmingActivities(deps),
    ...createLeaseActivities(),
    ...createMailActivities(deps),
    awaitRejoin: (input: AwaitRejoinInput) => reboots.awaitRejoin(input),
    moveGuest: (input: MoveGuestInput) => guests.moveGuest(input),
  });
}
