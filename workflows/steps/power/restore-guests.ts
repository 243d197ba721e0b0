import { sleep } from '@temporalio/workflow';
import { toMilliseconds } from '../../../domain/duration.ts';
import type { GuestBefore } from '../../../domain/outage.ts';
import { inStartOrder } from '../../../planning/outage-guests.ts';
import { explain } from '../failures.ts';
import { within } from './activities.ts';
import type { Restore } from './restore.ts';
import { bringGuestsHome } from './take-back.ts';

/**
 * Starts the guests that ran before the outage and do not run now: first the nodes have their time to start their own, then
 * the rest is started in the order of Proxmox, those first that others need. A guest that was stopped before stays so.
 */
export async function restoreGuests(restore: Restore): Promise<string[]> {
  const { site, settings, journal, rehearsal } = restore;
  if (site === null) return ['Nobody could read which guests ran before. Start those by hand that are missing.'];
  const wanted = site.guests.filter((guest) => guest.running && isReachable(restore, guest));
  const missing = await missingAfterAWhile(restore, wanted);
  const exceptions: string[] = [];
  const { guestStart } = settings.timeouts;
  for (const [index, group] of inStartOrder(missing, settings).entries()) {
    if (index > 0 && toMilliseconds(settings.guests.startDelay) > 0) await sleep(settings.guests.startDelay);
    try {
      const started = await within(guestStart).startGuests.executeWithOptions(
        { summary: `start ${group.map(({ name }) => name).join(', ')}`.slice(0, 180) },
        [
          {
            guests: group.map(({ vmid, kind, name, node }) => ({ vmid, kind, name, node })),
            within: guestStart,
            rehearsal,
          },
        ],
      );
      for (const { name, vmid, running, words } of started) {
        journal.note(`${name} (${vmid}): ${words}`);
        if (!running) exceptions.push(`${name} (${vmid}) does not run: ${words}`);
      }
    } catch (error) {
      exceptions.push(`${group.map(({ name }) => name).join(', ')} could not be started: ${explain(error)}`);
    }
  }
  const away = site.guests.filter((guest) => guest.running && !isReachable(restore, guest));
  exceptions.push(...away.map(({ name, vmid, node }) => `${name} (${vmid}) waits for ${node}`));
  return [...exceptions, ...(await bringGuestsHome(restore))];
}

/** A guest whose node is missing can be started nowhere, unless it has moved to another. */
function isReachable({ journal, changes }: Restore, { vmid, node }: GuestBefore): boolean {
  return journal.progress.nodes[node] !== 'missing' || changes.moved.some((each) => each.vmid === vmid);
}

async function missingAfterAWhile(
  { settings, rehearsal, journal }: Restore,
  wanted: readonly GuestBefore[],
): Promise<GuestBefore[]> {
  if (rehearsal) return [...wanted];
  const { settle } = settings.restore;
  const vmids = wanted.map(({ vmid }) => vmid);
  try {
    const running = await within(settle).awaitGuests.executeWithOptions(
      { summary: 'let the nodes start their guests' },
      [{ vmids, within: settle }],
    );
    journal.note(`${running.length} of ${vmids.length} guests run`);
    return wanted.filter(({ vmid }) => !running.includes(vmid));
  } catch (error) {
    journal.note(`nobody can say which guests run: ${explain(error)}`);
    return [...wanted];
  }
}
