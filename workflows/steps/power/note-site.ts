import type { Duration } from '../../../domain/duration.ts';
import type { SiteBefore } from '../../../domain/outage.ts';
import { planOutage, rulesFor } from '../../../planning/outage-plan.ts';
import { explain } from '../failures.ts';
import { within } from './activities.ts';
import type { Outage } from './outage.ts';

/** So long a cluster that does not answer is asked for what it looks like. */
const PATIENCE: Duration = '4 minutes';

/** Notes the site down as it was before the outage, and goes by what its shutdown needs from then on. */
export async function noteSite(outage: Outage): Promise<void> {
  const { journal, settings, power } = outage;
  let site: SiteBefore;
  try {
    site = await within(PATIENCE).readSite.executeWithOptions({ summary: 'note the site down' }, []);
  } catch (error) {
    return journal.note(`the site could not be read: ${explain(error)}`);
  }
  // The first word counts: later ones may have seen what the outage has changed.
  outage.site ??= site;
  const plan = planOutage(site, settings);
  outage.plan ??= plan;
  const running = site.guests.filter((guest) => guest.running).length;
  const online = site.nodes.filter((node) => node.online).map(({ name }) => name);
  journal.note(`before: ${online.join(', ')} with ${running} guests running`);
  for (const { name } of site.nodes.filter((node) => !node.online)) journal.fate(name, 'off-before');
  for (const warning of plan.warnings) journal.note(warning);
  power.useRules(rulesFor(settings, plan));
}
