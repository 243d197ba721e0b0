import type { Duration } from '../../../domain/duration.ts';
import type { SiteBefore } from '../../../domain/outage.ts';
import { planOutage, rulesFor } from '../../../planning/outage-plan.ts';
import { once, within, wordsOf } from './activities.ts';
import { expectNodesOfMaintenance } from './nodes-of-maintenance.ts';
import { isChanged, type Outage } from './outage.ts';

/** So long a cluster that does not answer is asked for what it looks like. */
const PATIENCE: Duration = '4 minutes';

/** For a look at the site right before it is changed, and for what of it has answered by then to be told. */
const LOOK: Duration = '16 seconds';
const LOOK_IS_OVER: Duration = '20 seconds';

/** Notes the site down as it was before the outage, and goes by what its shutdown needs from then on. */
export async function noteSite(outage: Outage): Promise<void> {
  const { settings, power } = outage;
  try {
    keep(outage, await within(PATIENCE).readSite.executeWithOptions({ summary: 'note the site down' }, []));
  } catch (error) {
    outage.journal.note(`the site could not be read: ${wordsOf(error)}`);
  }
  const { site } = outage;
  if (site === null) return;
  expectNodesOfMaintenance(outage, site);
  const plan = planOutage(site, settings);
  outage.round.plan ??= plan;
  for (const warning of plan.warnings) outage.journal.note(warning);
  power.useRules(rulesFor(settings, plan));
}

/** The site as it is now; null when nothing answers. */
export async function lookAgain(outage: Outage): Promise<SiteBefore | null> {
  try {
    const site = await once(LOOK_IS_OVER).readSite.executeWithOptions({ summary: 'look at the cluster again' }, [
      { within: LOOK },
    ]);
    keep(outage, site);
    return site;
  } catch (error) {
    outage.journal.note(`the cluster does not answer: ${wordsOf(error)}`);
    return null;
  }
}

/**
 * The first word counts as the site before the outage, and only while nothing has been changed: what is off later may be so
 * because of the outage, and would never be brought back.
 */
function keep(outage: Outage, site: SiteBefore): void {
  const { journal } = outage;
  if (outage.site !== null) return;
  if (isChanged(outage)) return journal.note('what ran before the outage is not known: the first look came too late');
  outage.site = site;
  const running = site.guests.filter((guest) => guest.running).length;
  const online = site.nodes.filter((node) => node.online).map(({ name }) => name);
  journal.note(`before: ${online.join(', ')} with ${running} guests running`);
  for (const { name } of site.nodes.filter((node) => !node.online)) journal.fate(name, 'off-before');
}
