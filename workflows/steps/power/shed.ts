import { toMilliseconds, type Duration } from '../../../domain/duration.ts';
import type { NodeShutdown, SiteBefore } from '../../../domain/outage.ts';
import { planOutage } from '../../../planning/outage-plan.ts';
import { phaseMail, shedRefusedMail } from '../../../reports/outage-mail.ts';
import { explain } from '../failures.ts';
import { once, orFailed, within } from './activities.ts';
import { haltHost, proveOff, stopGuestsOf, type HaltHow } from './halt-node.ts';
import { against, wantsFinal, type Outage } from './outage.ts';
import { tell } from './tell.ts';

/** For a look at the site right before it is changed, and for what of it has answered by then to be told. */
const LOOK: Duration = '16 seconds';
const LOOK_IS_OVER: Duration = '20 seconds';

/** For the HA manager to let go of its watchdogs. */
const DISARM: Duration = '90 seconds';

/**
 * Phase 2: the nodes to shed leave one after the other, so that the others last longer. Nothing is shed when the cluster
 * could not bear it, or when no other node is up. It is given up at once when phase 3 has to begin.
 */
export async function shed(outage: Outage): Promise<void> {
  const { journal, settings, power } = outage;
  journal.stage('shed');
  journal.phase('shed');
  if (settings.shedNodes.length === 0) {
    outage.shedDone = true;
    return;
  }
  const site = await lookAgain(outage);
  const plan = site === null ? null : planOutage(site, settings);
  outage.plan = plan ?? outage.plan;
  // Whatever keeps the others away may be over soon: it is looked at again.
  if (!othersAreUp(site, settings.shedNodes)) return journal.waitsFor('another node to be up before one is shed');
  journal.waitsFor(null);
  const why = plan === null ? 'the site could not be read' : plan.shed.refused;
  if (why !== null || plan === null) {
    outage.shedDone = true;
    journal.note(`nothing is shed: ${why}`);
    return tell(outage, `shed-refused/${outage.round}`, (head) => shedRefusedMail({ ...head, why: why ?? '' }));
  }
  if (plan.shed.nodes.length === 0) {
    outage.shedDone = true;
    return journal.note('no node is left to be shed');
  }
  const { because } = power.verdict;
  journal.note(`phase 2: ${outage.orders.phase === 'shed' ? 'by order' : (because ?? '')}`);
  await tell(outage, `shed/${outage.round}`, (head) =>
    phaseMail({ ...head, phase: 'shed', because, progress: journal.progress }),
  );
  const interrupted = () => wantsFinal(outage);
  if (plan.shed.disarmHa && !(await disarmHa(outage, DISARM)) && !settings.allowQuorumLoss) {
    outage.shedDone = true;
    const words = 'HA could not be disarmed, and its watchdogs would reset the nodes that stay';
    journal.note(`nothing is shed: ${words}`);
    return tell(outage, `shed-refused/${outage.round}`, (head) => shedRefusedMail({ ...head, why: words }));
  }
  let allOff = true;
  for (const shutdown of plan.shed.nodes) {
    const off = await shedNode(outage, shutdown, interrupted);
    if (off === null) return;
    allOff &&= off;
  }
  outage.shedDone = true;
  const { expectedVotes } = plan.shed;
  if (expectedVotes === null || !allOff) return;
  // Only now: a node that still ran would be a second cluster.
  outage.changes.expectedVotes = { node: expectedVotes.node, before: expectedVotes.before };
  const { node, votes } = expectedVotes;
  await against(
    outage,
    `${node}: expect ${votes} ${votes === 1 ? 'vote' : 'votes'}`,
    (gate) =>
      within('1 minute').setExpectedVotes.executeWithOptions({ summary: `${node}: pvecm expected ${votes}` }, [
        { node, votes, rehearsal: gate.rehearsal },
      ]),
    interrupted,
  );
}

/** Null when it was interrupted or the mains are back; else whether it is proved to be off. */
async function shedNode(outage: Outage, shutdown: NodeShutdown, interrupted: () => boolean): Promise<boolean | null> {
  const { node, moves } = shutdown;
  const how: HaltHow = { haste: 1, interrupted };
  for (const { guest, to } of moves) {
    outage.changes.moved.set(guest.vmid, { from: node, to });
    const ended = await against(
      outage,
      `${guest.name}: ${node} → ${to}`,
      (gate) =>
        within(`${guest.timeout} seconds`).moveGuestAway.executeWithOptions(
          { summary: `${guest.name}: ${node} → ${to}` },
          [{ guest, from: node, to, within: `${guest.timeout} seconds`, gate }],
        ),
      interrupted,
    );
    if (ended === 'returned' || ended === 'interrupted') return null;
  }
  // A guest that could not be moved goes down with the node.
  const stopped = await stopGuestsOf(outage, shutdown, how);
  if (stopped === 'returned' || stopped === 'interrupted') return null;
  const told = await haltHost(outage, node, how);
  if (told === 'returned' || told === 'interrupted') return null;
  return proveOff(outage, node, haltSeconds(outage), interrupted);
}

/** HA keeps its hands off its guests and its watchdogs off the nodes. */
export async function disarmHa(outage: Outage, time: Duration): Promise<boolean> {
  const { changes, journal, rehearsal } = outage;
  if (rehearsal) {
    journal.note('would disarm HA');
    return true;
  }
  changes.haDisarmed = true;
  const act = await orFailed(
    within(time)
      .ensureHaArmed.executeWithOptions({ summary: 'disarm HA' }, [{ armed: false, mode: 'ignore', within: time }])
      .then(() => ({ outcome: 'done', words: 'disarmed' })),
  );
  journal.note(`HA: ${act.words}`);
  outage.haDisarmed = act.outcome === 'done';
  return outage.haDisarmed;
}

/** The site as it is now; as it was when nothing answers. */
export async function lookAgain(outage: Outage): Promise<SiteBefore | null> {
  try {
    const site = await once(LOOK_IS_OVER).readSite.executeWithOptions({ summary: 'look at the cluster again' }, [
      { within: LOOK },
    ]);
    outage.site ??= site;
    return site;
  } catch (error) {
    outage.journal.note(`the cluster does not answer: ${explain(error)}`);
    return outage.site;
  }
}

function othersAreUp(site: SiteBefore | null, shedNodes: readonly string[]): boolean {
  return site === null || site.nodes.some(({ name, online }) => online && !shedNodes.includes(name));
}

/** For a node that has been told, until it is off. */
export function haltSeconds({ settings }: Outage): number {
  const { halt, margin } = settings.timeouts;
  return Math.ceil((toMilliseconds(halt) + toMilliseconds(margin)) / 1_000);
}
