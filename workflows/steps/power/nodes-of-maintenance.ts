import type { SiteBefore } from '../../../domain/outage.ts';
import { orFailed, within } from './activities.ts';
import type { Outage } from './outage.ts';

/**
 * A node that maintenance has just rebooted is away when the site is noted down. It counts as one that was on as soon as it
 * is up: then it is shut down with the others, and woken.
 */
export function expectNodesOfMaintenance(outage: Outage, site: SiteBefore): void {
  const { lease, rehearsal, settings } = outage;
  if (rehearsal || lease.granted) return;
  const away = site.nodes.filter(({ name, online }) => !online && settings.nodes.includes(name));
  for (const { name } of away) void expect(outage, name);
}

async function expect(outage: Outage, node: string): Promise<void> {
  const { nodeUp } = outage.settings.restore;
  const act = await orFailed(
    within(nodeUp).awaitNodeUp.executeWithOptions({ summary: `${node}: see whether it is only rebooting` }, [
      { node, within: nodeUp },
    ]),
  );
  if (act.outcome === 'done') countAsOn(outage, node);
}

function countAsOn(outage: Outage, node: string): void {
  const { journal, round, site } = outage;
  if (journal.fates[node] !== 'off-before' || site === null) return;
  journal.note(`${node} was only rebooting: it counts as one that was on`);
  journal.fate(node, 'on');
  const nodes = site.nodes.map((each) => (each.name === node ? { ...each, online: true } : each));
  outage.site = { ...site, nodes };
  // Whatever is done next has to know of it.
  round.plan = null;
  round.finalDone = false;
  round.arrivals += 1;
}
