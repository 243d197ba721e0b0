import type { Duration } from '../../../domain/duration.ts';
import { explain } from '../failures.ts';
import { orFailed, within } from './activities.ts';
import type { Restore } from './restore.ts';

/** For the HA manager to take its watchdogs up again. */
const ARM: Duration = '5 minutes';

/** Takes back what the outage has changed in the cluster. Each is tried whatever becomes of the others. */
export async function takeBackChanges(restore: Restore): Promise<string[]> {
  const { changes, site, rehearsal, journal } = restore;
  const exceptions: string[] = [];
  const { expectedVotes } = changes;
  if (expectedVotes !== null) {
    const { node, before } = expectedVotes;
    const act = await orFailed(
      within('2 minutes').setExpectedVotes.executeWithOptions({ summary: `${node}: pvecm expected ${before}` }, [
        { node, votes: before, rehearsal },
      ]),
    );
    journal.note(`expected votes: ${act.words}`);
    if (act.outcome === 'failed') exceptions.push(`${act.words}. Run on ${node}: pvecm expected ${before}`);
  }
  if (changes.haDisarmed && !rehearsal) {
    try {
      await within(ARM).ensureHaArmed.executeWithOptions({ summary: 'arm HA again' }, [
        { armed: true, mode: 'ignore', within: ARM },
      ]);
      journal.note('HA is armed again');
    } catch (error) {
      exceptions.push(`HA is not armed: ${explain(error)}. Run on any node: ha-manager crm-command arm-ha`);
    }
  }
  const requested = site?.ha.requested ?? {};
  if (Object.keys(requested).length > 0) {
    const act = await orFailed(
      within('2 minutes').setHaRequests.executeWithOptions({ summary: 'put the HA states back' }, [
        { requested, rehearsal },
      ]),
    );
    journal.note(`HA states: ${act.words}`);
    if (act.outcome === 'failed') exceptions.push(`HA states are not as before: ${act.words}`);
  }
  return exceptions;
}

/** Guests that moved away from the battery go home. */
export async function bringGuestsHome(restore: Restore): Promise<string[]> {
  const { changes, site, settings, rehearsal, journal } = restore;
  const exceptions: string[] = [];
  if (rehearsal) return exceptions;
  for (const { vmid, from, to } of changes.moved) {
    const guest = site?.guests.find((each) => each.vmid === vmid);
    if (guest === undefined) continue;
    const { kind, name } = guest;
    const patience = settings.timeouts.guestStart;
    try {
      const place = await within(patience).moveGuest.executeWithOptions(
        { summary: `${name} (${vmid}): ${to} → ${from}` },
        [{ vmid, kind, name, from: to, to: from, withLocalDisks: false, within: patience }],
      );
      journal.note(`${name} (${vmid}) is on ${place.node}`);
    } catch (error) {
      exceptions.push(`${name} (${vmid}) is not back on ${from}: ${explain(error)}`);
    }
  }
  return exceptions;
}
