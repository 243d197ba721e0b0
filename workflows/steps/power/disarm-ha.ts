import type { Duration } from '../../../domain/duration.ts';
import { orFailed, within } from './activities.ts';
import type { Outage } from './outage.ts';

/** For the HA manager to let go of its watchdogs; it acts every ten seconds. */
export const DISARM: Duration = '90 seconds';
export const DISARM_IN_HASTE: Duration = '20 seconds';

/** HA keeps its hands off its guests and its watchdogs off the nodes. */
export async function disarmHa({ changes, journal, rehearsal, round }: Outage, time: Duration): Promise<boolean> {
  if (rehearsal) {
    journal.note('would disarm HA');
    return true;
  }
  changes.haDisarmed = true;
  const act = await orFailed(
    within(time)
      .ensureHaArmed.executeWithOptions({ summary: 'disarm HA' }, [{ armed: false, mode: 'ignore', within: time }])
      .then(() => ({ outcome: 'done', words: 'disarmed' })),
  );
  journal.note(`HA: ${act.words}`);
  round.watchdogsOff = act.outcome === 'done';
  return round.watchdogsOff;
}
