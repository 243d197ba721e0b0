import { describeMilliseconds } from '../domain/duration.ts';
import type { NodeShutdown, OutagePlan, PowerSettings, SiteBefore } from '../domain/outage.ts';
import type { PowerRules } from '../domain/power.ts';
import { budgetOf, describeGuest, planMoves, stoppable, tiersOf, unknownLast } from './outage-guests.ts';
import { nodesInTurn } from './outage-nodes.ts';
import { guardQuorum } from './outage-quorum.ts';

/**
 * What an outage that begins now comes to, phase by phase.
 *
 * The tiers of a node hold all its guests, those too that are to move first: a guest that has moved is no longer there
 * to be shut down, and one that could not move is. Once guests have moved, the plan for the rest is made of the site as
 * it is then.
 */
export function planOutage(site: SiteBefore, settings: PowerSettings): OutagePlan {
  const { shed, final, refused, warnings } = nodesInTurn(site, settings);
  const quorum = guardQuorum(site, { shed, final }, settings);
  const moves = quorum.refused === null ? planMoves(site, { shed, stay: final }, settings, quorum.disarmHa) : NO_MOVES;
  const shutdown = (node: string): NodeShutdown => {
    const work = { moves: moves.of(node), tiers: tiersOf(site, node, settings) };
    return { node, ...work, budget: budgetOf(work, settings) };
  };
  const shedding = shed.map(shutdown);
  const finishing = final.map(shutdown);
  const leaveInFinal = quorum.refused === null ? finishing : [...shedding, ...finishing];
  const budgets = {
    shed: quorum.refused === null ? oneByOne(shedding) : 0,
    final: atOnce(leaveInFinal),
  };
  return {
    shed: {
      nodes: shedding,
      refused: refused ?? quorum.refused,
      quorum: quorum.quorum,
      disarmHa: quorum.disarmHa,
      expectedVotes: quorum.expectedVotes,
    },
    final: { nodes: finishing, togetherIfArmed: quorum.togetherIfArmed },
    budgets,
    warnings: [
      ...warnings,
      ...warningsAbout(site, settings),
      ...tooLittleTime(budgets.shed, settings),
      ...tooLittleRuntime(budgets, settings),
      ...moves.warnings,
    ],
  };
}

/**
 * The rules with the runtimes at which the phases begin: where they are not configured, what the shutdowns need.
 * Phase 2 begins early enough to be over before phase 3.
 */
export function rulesFor({ rules, runtimes }: PowerSettings, { budgets }: OutagePlan): PowerRules {
  const final = runtimes.final ?? neededForFinal(budgets);
  const shed = runtimes.shed ?? Math.max(budgets.shed + budgets.final + 300, budgets.shed + final);
  return {
    ...rules,
    shed: { ...rules.shed, runtime: shed },
    final: { ...rules.final, runtime: final, budget: budgets.final },
  };
}

function neededForFinal({ final }: OutagePlan['budgets']): number {
  return Math.max(300, 1.5 * final);
}

const NO_MOVES = { of: (): NodeShutdown['moves'] => [], warnings: [] };

/** Phase 2: a node is off before the next one begins. */
function oneByOne(nodes: readonly NodeShutdown[]): number {
  return nodes.reduce((total, { budget }) => total + budget, 0);
}

/** Phase 3: the guests of all nodes shut down at the same time, and no host waits until another is off. */
function atOnce(nodes: readonly NodeShutdown[]): number {
  return Math.max(0, ...nodes.map(({ budget }) => budget));
}

function warningsAbout(site: SiteBefore, settings: PowerSettings): string[] {
  const { quorum, guests } = site;
  const { ownGuest } = settings;
  return [
    ...(quorum.quorate ? [] : ['the cluster is not quorate now']),
    ...(quorum.qdevice?.connected === false ? ['the QDevice is not connected, so its vote does not count'] : []),
    ...(ownGuest !== null && !guests.some(({ vmid }) => vmid === ownGuest)
      ? [`no guest has the vmid ${ownGuest} of orchestrator.guest: the node on which Caretaker runs is not known`]
      : []),
    ...unknownLast(site, settings).map(
      (word) => `power.guests.last names ${word}, which is no guest and no tag of one`,
    ),
    ...stoppable(site, settings).flatMap((guest) =>
      guest.lock === null ? [] : [`${describeGuest(guest)} is locked (${guest.lock}): it may refuse to shut down`],
    ),
  ];
}

function tooLittleTime(needed: number, { rules }: PowerSettings): string[] {
  const left = rules.final.after - rules.shed.after;
  if (needed <= left) return [];
  return [
    `phase 2 may take ${inWords(needed)}, and phase 3 begins ${inWords(left)} after it: shorten power.guests.timeout, or let power.final.after be later`,
  ];
}

/** Runtimes that are configured, against what the shutdowns of this site need. */
function tooLittleRuntime(budgets: OutagePlan['budgets'], { runtimes, shedNodes }: PowerSettings): string[] {
  const { shed, final } = runtimes;
  const needed = neededForFinal(budgets);
  return [
    ...(final !== null && final < budgets.final
      ? [
          `phase 3 begins with ${inWords(final)} of runtime left and may take ${inWords(budgets.final)}: let power.final.runtime be longer`,
        ]
      : []),
    ...(shed !== null && final === null && shed <= needed && shedNodes.length > 0
      ? [
          `phase 2 begins with ${inWords(shed)} of runtime left, and phase 3 with ${inWords(needed)} already: let power.shed.runtime be longer`,
        ]
      : []),
  ];
}

function inWords(seconds: number): string {
  return describeMilliseconds(seconds * 1_000);
}
