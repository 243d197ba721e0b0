import type { NodeShutdown, SiteBefore } from '../../../domain/outage.ts';
import { isAllDown, nodesLeft, type NodesLeft } from '../../../planning/outage-left.ts';
import { planOutage } from '../../../planning/outage-plan.ts';
import { hurries } from '../../../planning/outage-round.ts';
import { isAtLeast } from '../../../planning/power-watch.ts';
import { phaseMail } from '../../../reports/outage-mail.ts';
import { orFailed, within } from './activities.ts';
import { isCalledOff, unless, type StepEnd } from './against.ts';
import { DISARM, DISARM_IN_HASTE, disarmHa } from './disarm-ha.ts';
import { haltHost, proveOff, stopGuestsOf, type HaltHow } from './halt-node.ts';
import { lookAgain } from './note-site.ts';
import type { Outage } from './outage.ts';
import { haltSeconds } from './shed.ts';
import { tell } from './tell.ts';

/** When the battery cannot wait: guests get half their time, and nobody waits longer than this for a node to be off. */
const HASTE = { guests: 0.5, offSeconds: 60 } as const;

interface FinalHow extends HaltHow {
  readonly hasty: boolean;
  /** For one node to be off, before the next goes. */
  readonly offSeconds: number;
}

/**
 * Phase 3: everything goes. The guests of all nodes shut down at the same time; the hosts follow, those of phase 2 first, the
 * node that holds this run last. A step that fails holds up nothing. When the battery cannot wait any longer it stops where
 * it is, to be begun again in haste.
 */
export async function goDown(outage: Outage): Promise<void> {
  const { journal, power, round } = outage;
  journal.stage('final');
  journal.phase('final');
  const { because } = power.verdict;
  journal.note(`phase 3: ${round.orders.phase === 'final' ? 'by order' : (because ?? '')}`);
  await tell(outage, `final/${round.number}`, (head) =>
    phaseMail({ ...head, phase: 'final', because, progress: journal.progress }),
  );
  const left = await findLeft(outage);
  const how = howToGo(outage, left);
  await Promise.all([shutDown(outage, left, how), ...left.booting.map((node) => shutDownOnceUp(outage, node, how))]);
  round.finalDone = isAllDown(journal.fates);
  if (round.finalDone) journal.stage('halted');
}

interface LeftNow extends NodesLeft {
  readonly site: SiteBefore | null;
}

async function findLeft(outage: Outage): Promise<LeftNow> {
  const { journal, settings, round, power, rehearsal } = outage;
  const isHurried = hurries(round, power.verdict.byNeed);
  const fresh = isHurried ? null : await lookAgain(outage);
  const site = fresh ?? outage.site;
  if (!isHurried && site !== null) round.plan = planOutage(site, settings);
  // In a rehearsal the nodes of phase 2 are still up.
  const isFresh = fresh !== null && !rehearsal;
  return { site, ...nodesLeft({ fates: journal.fates, plan: round.plan, isFresh, nodes: settings.nodes }) };
}

function howToGo(outage: Outage, { up, going }: NodesLeft): FinalHow {
  const { power, settings } = outage;
  const { shedNodes } = settings;
  // With charge or runtime alone there is time for the nodes that stay, and none for those that should be off by now.
  const isLate = going.length > 0 || up.some(({ node }) => shedNodes.includes(node));
  const hasty = power.verdict.pressing || (isAtLeast(power.verdict.byNeed, 'final') && isLate);
  return {
    hasty,
    haste: hasty ? HASTE.guests : 1,
    offSeconds: hasty ? HASTE.offSeconds : haltSeconds(outage),
    interrupted: () => !hasty && power.verdict.pressing,
  };
}

async function shutDown(outage: Outage, { up, going, site }: LeftNow, how: FinalHow): Promise<void> {
  const { settings, round } = outage;
  const isLate = ({ node }: NodeShutdown): boolean => settings.shedNodes.includes(node);
  const prove = (node: string): Promise<unknown> => proveOff(outage, node, how.offSeconds, how.interrupted);
  const emptied = new Map(up.map((shutdown) => [shutdown.node, stopGuestsOf(outage, shutdown, how)]));
  await letGoOfWatchdogs(outage, site, how);
  // Each would be reset without the others' votes.
  const together = round.plan?.final.togetherIfArmed === true && !round.watchdogsOff;
  if (together) await Promise.all(emptied.values());
  const halt = async ({ node }: NodeShutdown, first: Promise<unknown>): Promise<string[]> => {
    const guests = (await emptied.get(node)) ?? 'done';
    await first;
    return !isCalledOff(guests) && (await haltHost(outage, node, how)) === 'done' ? [node] : [];
  };
  const nothing = Promise.resolve();
  const late = up.filter(isLate).map(async (shutdown) => {
    const told = await halt(shutdown, nothing);
    if (!together) await Promise.all(told.map(prove));
    return together ? told : [];
  });
  const proofs = going.map(prove);
  let previous: Promise<unknown> = together ? nothing : Promise.all([...late, ...proofs]);
  const last = up
    .filter((shutdown) => !isLate(shutdown))
    .map((shutdown) => {
      const told = halt(shutdown, previous);
      // Each has been told before the next one is: the node that holds this run comes last.
      if (!together) previous = told;
      return told;
    });
  const unproved = (await Promise.all([...late, ...last])).flat();
  await Promise.all([
    ...proofs,
    ...unproved.map((node) => proveOff(outage, node, haltSeconds(outage), how.interrupted)),
  ]);
}

async function letGoOfWatchdogs(outage: Outage, site: SiteBefore | null, { hasty }: FinalHow): Promise<void> {
  if (site?.ha.active !== true || site.ha.armed !== 'armed' || outage.round.watchdogsOff) return;
  await disarmHa(outage, hasty ? DISARM_IN_HASTE : DISARM);
}

/** A node that was just woken. It is waited for beside the others, and holds up none of them. */
async function shutDownOnceUp(outage: Outage, node: string, how: FinalHow): Promise<StepEnd> {
  const { journal, settings, power } = outage;
  const { nodeUp } = settings.restore;
  const isOver = (): boolean => how.interrupted() || power.verdict.mains === 'on' || outage.round.orders.aborted;
  const act = await unless(isOver, () =>
    orFailed(
      within(nodeUp).awaitNodeUp.executeWithOptions({ summary: `${node}: wait until it can be shut down` }, [
        { node, within: nodeUp },
      ]),
    ),
  );
  if (act === null) return 'interrupted';
  journal.note(`${node}: ${act.words}`);
  // It counts as one that boots until it is up: it is waited for again.
  if (act.outcome !== 'done') return 'failed';
  journal.fate(node, 'on');
  const told = await haltHost(outage, node, how);
  if (told === 'done') await proveOff(outage, node, how.offSeconds, how.interrupted);
  return told;
}
