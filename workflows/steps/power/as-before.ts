import { lookAgain } from './note-site.ts';
import type { Outage } from './outage.ts';

/**
 * Whether everything runs that ran before the outage, although nothing was shut down: the battery may have died, or nobody
 * may have been there to answer the outage. What cannot be read is not as before.
 */
export async function isAsBefore(outage: Outage): Promise<boolean> {
  const { site, settings } = outage;
  const now = await lookAgain(outage);
  if (now === null || site === null) return false;
  const nodes = site.nodes.filter(({ name, online }) => online && settings.nodes.includes(name));
  const guests = site.guests.filter(({ running }) => running);
  return (
    nodes.every(({ name }) => now.nodes.find((node) => node.name === name)?.online ?? false) &&
    guests.every(({ vmid }) => now.guests.find((guest) => guest.vmid === vmid)?.running ?? true)
  );
}
