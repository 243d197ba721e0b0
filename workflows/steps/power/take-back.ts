import { toMilliseconds } from '../../../domain/duration.ts';
import { explain } from '../failures.ts';
import { orFailed, within } from './activities.ts';
import type { Restore } from './restore.ts';

const MINUTE = 60;

/** Takes back what the outage has changed in the cluster. Each is tried whatever becomes of the others. */
export async function takeBackChanges(restore: Restore): Promise<string[]> {
  const { changes, site, rehearsal, journal } = restore;
  const exceptions: string[] = [];
  const { expectedVotes } = changes;
  if (expectedVotes !== null) {
    const { node, before } = expectedVotes;
    const act = await orFailed(
      within(2 * MINUTE).setExpectedVotes.executeWithOptions({ summary: `${node}: pvecm expected ${before}` }, [
        { node, votes: before, rehearsal },
      ]),
    );
    journal.note(`expected votes: ${act.words}`);
    if (act.outcome === 'failed') exceptions.push(`${act.words}. Run on ${node}: pvecm expected ${before}`);
  }
  if (changes.haDisarmed && !rehearsal) {
    const minutes = 5;
    try {
      await within(minutes * MINUTE).ensureHaArmed.executeWithOptions({ summary: 'arm HA again' }, [
        { armed: true, mode: 'ignore', within: `${minutes} minutes` },
      ]);
      journal.note('HA is armed again');
    } catch (error) {
      exceptions.push(`HA is not armed: ${explain(error)}. Run on any node: ha-manager crm-command arm-ha`);
    }
  }
  const requested = site?.ha.requested ?? {};
  if (Object.keys(requested).length > 0) {
    const act = await orFailed(
      within(2 * MINUTE).setHaRequests.executeWithOptions({ summary: 'put the HA states back' }, [
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
      const place = await within(Math.ceil(toMilliseconds(patience) / 1_000)).moveGuest.executeWithOptions(
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
