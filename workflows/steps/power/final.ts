import type { Duration } from '../../../domain/duration.ts';
import type { NodeFate, NodeShutdown, SiteBefore } from '../../../domain/outage.ts';
import { isAway } from '../../../planning/node-fate.ts';
import { planOutage } from '../../../planning/outage-plan.ts';
import { isAtLeast } from '../../../planning/power-watch.ts';
import { phaseMail } from '../../../reports/outage-mail.ts';
import { orFailed, within } from './activities.ts';
import { haltHost, proveOff, stopGuestsOf, type HaltHow } from './halt-node.ts';
import type { Outage } from './outage.ts';
import { disarmHa, haltSeconds, lookAgain } from './shed.ts';
import { tell } from './tell.ts';

/** When the battery cannot wait: guests get half their time, and nobody waits longer than this for a node to be off. */
const HASTE = { haste: 0.5, offSeconds: 60, disarm: '20 seconds' } as const;

/** For the HA manager to let go of its watchdogs. */
const DISARM: Duration = '1 minute';

/**
 * Phase 3: everything goes. The guests of all nodes shut down at the same time; the hosts follow, those of phase 2 first, the
 * node that holds this run last. A step that fails holds up nothing.
 */
export async function goDown(outage: Outage): Promise<void> {
  const { journal, power, settings } = outage;
  journal.stage('final');
  journal.phase('final');
  const { because, byNeed } = power.verdict;
  const nothing = Promise.resolve();
  journal.note(`phase 3: ${outage.orders.phase === 'final' ? 'by order' : (because ?? '')}`);
  await tell(outage, `final/${outage.round}`, (head) =>
    phaseMail({ ...head, phase: 'final', because, progress: journal.progress }),
  );
  await letBootingNodesUp(outage);
  // What is known is good enough when the battery cannot wait; what has moved since goes down with its node.
  const hurry = isAtLeast(byNeed, 'final') && outage.plan !== null && !outage.hurried;
  outage.hurried = hurry;
  const site = hurry ? outage.site : await lookAgain(outage);
  if (!hurry && site !== null) outage.plan = planOutage(site, settings);
  const left = nodesLeft(outage, site);
  // Nodes of phase 2 that are still up: there was no time to shed them.
  const late = left.filter(({ node }) => settings.shedNodes.includes(node));
  const last = left.filter(({ node }) => !settings.shedNodes.includes(node));
  const compressed = isAtLeast(byNeed, 'final') && (late.length > 0 || goingDown(outage).length > 0);
  const how: HaltHow = { haste: compressed ? HASTE.haste : 1, interrupted: () => false };
  const offSeconds = compressed ? HASTE.offSeconds : haltSeconds(outage);
  const mayDisarm = site?.ha.active === true && site.ha.armed === 'armed' && !outage.haDisarmed;
  const disarming = mayDisarm ? disarmHa(outage, compressed ? HASTE.disarm : DISARM) : nothing;

  const emptied = new Map(left.map((shutdown) => [shutdown.node, stopGuestsOf(outage, shutdown, how)]));
  await disarming;
  const together = outage.plan?.final.together === true && !outage.haDisarmed;
  if (together) await Promise.all(emptied.values());
  const halt = async ({ node }: NodeShutdown, first: Promise<unknown>): Promise<string | null> => {
    const guests = await emptied.get(node);
    await first;
    if (guests === 'returned' || guests === 'interrupted') return null;
    return (await haltHost(outage, node, how)) === 'done' ? node : null;
  };
  const lateHalts = late.map(async (shutdown) => {
    const told = await halt(shutdown, nothing);
    if (told !== null && !together) await proveOff(outage, told, offSeconds);
    return told;
  });
  // Nodes of phase 2 that are on their way down when phase 3 begins.
  const going = goingDown(outage).map((node) => proveOff(outage, node, offSeconds));
  const beforeLast: Promise<unknown> = together ? nothing : Promise.all([...lateHalts, ...going]);
  let previous: Promise<unknown> = beforeLast;
  const lastHalts: Promise<string | null>[] = [];
  for (const shutdown of last) {
    const told = halt(shutdown, previous);
    // Each has been told before the next one is: the node that holds this run comes last.
    if (!together) previous = told;
    lastHalts.push(told);
  }
  const toldLast = await Promise.all(lastHalts);
  const toldLate = await Promise.all(lateHalts);
  await Promise.all(going);
  const unproved = [...(together ? toldLate : []), ...toldLast].filter((node) => node !== null);
  await Promise.all(unproved.map((node) => proveOff(outage, node, haltSeconds(outage))));
  const up = Object.values(journal.progress.nodes).some((fate) => !isAway(fate) && fate !== 'off-before');
  outage.finalDone = !up;
  if (!up) journal.stage('halted');
}

const GONE: ReadonlySet<NodeFate> = new Set(['going-down', 'off', 'unverified', 'off-before', 'missing']);

/** Nodes that are not down yet, with their guests; in the order in which they go. */
function nodesLeft({ journal, plan, settings }: Outage, site: SiteBefore | null): NodeShutdown[] {
  const fates = journal.progress.nodes;
  const gone = (node: string): boolean => GONE.has(fates[node] ?? 'on');
  const planned = plan === null ? [] : [...plan.shed.nodes, ...plan.final.nodes];
  const known = planned.filter(({ node }) => !gone(node));
  // Without a word of the cluster, every node of the configuration may be up; its guests go down with it.
  const unknown = site === null ? settings.nodes.filter((node) => !gone(node)) : [];
  return [
    ...known,
    ...unknown
      .filter((node) => !known.some((each) => each.node === node))
      .map((node) => ({ node, moves: [], tiers: [], budget: 0 })),
  ];
}

function goingDown({ journal }: Outage): string[] {
  const fates = Object.entries(journal.progress.nodes);
  return fates.filter(([, fate]) => fate === 'going-down').map(([node]) => node);
}

/** A node that was just woken would come up on battery and find nobody to shut it down. */
async function letBootingNodesUp({ journal, settings }: Outage): Promise<void> {
  const waking = Object.entries(journal.progress.nodes).filter(([, fate]) => fate === 'waking');
  const waits = waking.map(async ([node]) => {
    const { nodeUp } = settings.restore;
    const act = await orFailed(
      within(nodeUp).awaitNodeUp.executeWithOptions({ summary: `${node}: wait until it can be shut down` }, [
        { node, within: nodeUp },
      ]),
    );
    journal.note(`${node}: ${act.words}`);
    journal.fate(node, act.outcome === 'done' ? 'on' : 'missing');
  });
  await Promise.all(waits);
}
