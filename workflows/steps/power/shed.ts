import { toSeconds } from '../../../domain/duration.ts';
import type { NodeShutdown, ShedPlan, SiteBefore } from '../../../domain/outage.ts';
import { noteMove, voteChange } from '../../../planning/outage-changes.ts';
import { planOutage } from '../../../planning/outage-plan.ts';
import { phaseMail, shedRefusedMail } from '../../../reports/outage-mail.ts';
import { within } from './activities.ts';
import { against, isCalledOff } from './against.ts';
import { DISARM, disarmHa } from './disarm-ha.ts';
import { haltHost, proveOff, stopGuestsOf } from './halt-node.ts';
import { lookAgain } from './note-site.ts';
import { wantsFinal, type Outage } from './outage.ts';
import { tell } from './tell.ts';

/**
 * Phase 2: the nodes to shed leave one after the other, so that the others last longer. Nothing is shed when the cluster
 * could not bear it, or when no other node is up. It is given up at once when phase 3 has to begin; a node that could not be
 * told is tried again.
 */
export async function shed(outage: Outage): Promise<void> {
  const { journal, settings, power, round } = outage;
  journal.stage('shed');
  journal.phase('shed');
  if (settings.shedNodes.length === 0) {
    round.shedDone = true;
    return;
  }
  const site = (await lookAgain(outage)) ?? outage.site;
  if (site !== null) round.plan = planOutage(site, settings);
  // Whatever keeps the others away may be over soon: it is looked at again.
  if (!othersAreUp(site, settings.shedNodes)) return journal.waitsFor('another node to be up before one is shed');
  journal.waitsFor(null);
  const plan = round.plan?.shed ?? null;
  if (site === null || plan === null) return refuse(outage, 'the site could not be read');
  if (plan.refused !== null) return refuse(outage, plan.refused);
  if (plan.nodes.length === 0) {
    // One that boots has to be told when it is up.
    round.shedDone = !settings.shedNodes.some((node) => journal.fates[node] === 'waking');
    return journal.note('no node is left to be shed');
  }
  const { because } = power.verdict;
  journal.note(`phase 2: ${round.orders.phase === 'shed' ? 'by order' : (because ?? '')}`);
  await tell(outage, `shed/${round.number}`, (head) =>
    phaseMail({ ...head, phase: 'shed', because, progress: journal.progress }),
  );
  if (plan.disarmHa && !round.watchdogsOff && !(await disarmHa(outage, DISARM)) && !settings.allowQuorumLoss) {
    return refuse(outage, 'HA could not be disarmed, and its watchdogs would reset the nodes that stay');
  }
  const ends: ShedEnd[] = [];
  for (const shutdown of plan.nodes) {
    const end = await shedNode(outage, shutdown);
    if (end === null) return;
    ends.push(end);
  }
  round.shedDone = !ends.includes('not-told');
  if (ends.every((end) => end === 'off')) await lowerVotes(outage, plan.expectedVotes);
}

async function refuse(outage: Outage, why: string): Promise<void> {
  outage.round.shedDone = true;
  outage.journal.note(`nothing is shed: ${why}`);
  await tell(outage, `shed-refused/${outage.round.number}`, (head) => shedRefusedMail({ ...head, why }));
}

type ShedEnd = 'off' | 'not-seen-off' | 'not-told';

/** Null when it was interrupted or the mains are back. */
async function shedNode(outage: Outage, shutdown: NodeShutdown): Promise<ShedEnd | null> {
  const { node, moves } = shutdown;
  const interrupted = () => wantsFinal(outage);
  for (const { guest, to } of moves) {
    noteMove(outage.changes, { vmid: guest.vmid, from: node, to });
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
    if (isCalledOff(ended)) return null;
  }
  const how = { haste: 1, interrupted };
  // A guest that could not be moved goes down with the node.
  if (isCalledOff(await stopGuestsOf(outage, shutdown, how))) return null;
  const told = await haltHost(outage, node, how);
  if (isCalledOff(told)) return null;
  if (told === 'failed') return 'not-told';
  const off = await proveOff(outage, node, haltSeconds(outage), interrupted);
  return off === null ? null : off ? 'off' : 'not-seen-off';
}

/** Only once the nodes are off: one that still ran would be a second cluster. */
async function lowerVotes(outage: Outage, expectedVotes: ShedPlan['expectedVotes']): Promise<void> {
  if (expectedVotes === null) return;
  const { node, votes } = expectedVotes;
  outage.changes.expectedVotes = voteChange(outage.changes, expectedVotes);
  await against(
    outage,
    `${node}: expect ${votes} ${votes === 1 ? 'vote' : 'votes'}`,
    ({ rehearsal }) =>
      within('1 minute').setExpectedVotes.executeWithOptions({ summary: `${node}: pvecm expected ${votes}` }, [
        { node, votes, rehearsal },
      ]),
    () => wantsFinal(outage),
  );
}

function othersAreUp(site: SiteBefore | null, shedNodes: readonly string[]): boolean {
  return site === null || site.nodes.some(({ name, online }) => online && !shedNodes.includes(name));
}

/** For a node that has been told, until it is off. */
export function haltSeconds({ settings }: Outage): number {
  const { halt, margin } = settings.timeouts;
  return Math.ceil(toSeconds(halt) + toSeconds(margin));
}
