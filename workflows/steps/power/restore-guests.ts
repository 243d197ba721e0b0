import { sleep } from '@temporalio/workflow';
import { toMilliseconds } from '../../../domain/duration.ts';
import type { GuestBefore } from '../../../domain/outage.ts';
import { inStartOrder } from '../../../planning/outage-guests.ts';
import { within, wordsOf } from './activities.ts';
import type { Restore } from './restore.ts';
import { bringGuestsHome } from './take-back.ts';

/**
 * Starts the guests that ran before the outage and do not run now: first the nodes have their time to start their own, then
 * the rest is started in the order of Proxmox, those first that others need. A guest that was stopped before stays so, and
 * so does one that ran again and that somebody has stopped since.
 */
export async function restoreGuests(restore: Restore): Promise<string[]> {
  const { site, memory, settings } = restore;
  if (site === null) return [];
  const due = site.guests.filter(({ running, vmid }) => running && !memory.running.includes(vmid));
  const wanted = due.filter((guest) => isReachable(restore, guest));
  const missing = wanted.length === 0 ? [] : await missingAfterAWhile(restore, wanted);
  const exceptions: string[] = [];
  for (const [index, group] of inStartOrder(missing, settings).entries()) {
    if (index > 0 && toMilliseconds(settings.guests.startDelay) > 0) await sleep(settings.guests.startDelay);
    exceptions.push(...(await start(restore, group)));
  }
  const away = due.filter((guest) => !isReachable(restore, guest));
  exceptions.push(...away.map(({ name, vmid, node }) => `${name} (${vmid}) waits for ${node}`));
  return [...exceptions, ...(await bringGuestsHome(restore))];
}

async function start({ settings, rehearsal, journal, memory }: Restore, group: readonly GuestBefore[]) {
  const { guestStart } = settings.timeouts;
  const names = group.map(({ name }) => name).join(', ');
  try {
    const started = await within(guestStart).startGuests.executeWithOptions(
      { summary: `start ${names}`.slice(0, 180) },
      [
        {
          guests: group.map(({ vmid, kind, name, node }) => ({ vmid, kind, name, node })),
          within: guestStart,
          rehearsal,
        },
      ],
    );
    for (const { name, vmid, words } of started) journal.note(`${name} (${vmid}): ${words}`);
    memory.running.push(...started.flatMap(({ vmid, running }) => (running ? [vmid] : [])));
    return started.flatMap(({ name, vmid, running, words }) =>
      running ? [] : [`${name} (${vmid}) does not run: ${words}`],
    );
  } catch (error) {
    return [`${names} could not be started: ${wordsOf(error)}`];
  }
}

/** A guest whose node is missing can be started nowhere, unless it has moved to another. */
function isReachable({ journal, changes }: Restore, { vmid, node }: GuestBefore): boolean {
  return journal.fates[node] !== 'missing' || changes.moved.some((each) => each.vmid === vmid);
}

async function missingAfterAWhile(
  { settings, rehearsal, journal, memory }: Restore,
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
    memory.running.push(...running);
    return wanted.filter(({ vmid }) => !running.includes(vmid));
  } catch (error) {
    journal.note(`nobody can say which guests run: ${wordsOf(error)}`);
    return [...wanted];
  }
}
