import { describeMilliseconds } from '../domain/duration.ts';
import type { NodePlan } from '../domain/plan.ts';
import type { GuestReport, NodeReport, RollReport, Wait } from '../domain/report.ts';
import {
  cutList,
  itemsBlock,
  plain,
  type Block,
  type Item,
  type ReportDocument,
  type Section,
  type Text,
} from './document.ts';
import { findingItem, findingsInReport } from './finding-items.ts';
import { nodeSection } from './node-section.ts';
import { openUndoItem } from './undo-items.ts';
import { count, downtimeText, guestName, NODE_OUTCOMES, pointInTime, ROLL_OUTCOMES, sentence } from './words.ts';

export interface DocumentOptions {
  /** `brief`: how it ended and what is not as before. `full`: also what was done with each node and guest. */
  readonly detail: 'brief' | 'full';
  /** Entries of a list that are named, such as packages of a node; the others are counted. */
  readonly longest?: number;
}

/** What a report of a rolling update says, and in which order: what went wrong and what to do before what was done. */
export function rollDocument(report: RollReport, { detail, longest = Infinity }: DocumentOptions): ReportDocument {
  const full = detail === 'full';
  return {
    title: `Rolling update of ${report.cluster}`,
    outcome: { ...ROLL_OUTCOMES[report.outcome], text: `${ROLL_OUTCOMES[report.outcome].text} · ${took(report)}` },
    summary: [sentence(report.reason), ...report.waits.map(describeWait)],
    facts: full ? factsOf(report) : [],
    sections: [
      ...overview(report, longest),
      ...toDo(report),
      ...openUndo(report, longest),
      ...astray(report, longest),
      ...refusals(report, longest),
      ...decided(report, longest),
      ...warnings(report, longest),
      ...(full ? report.nodes.filter(isTold).map((node) => nodeSection(node, planOf(report, node), longest)) : []),
    ],
  };
}

function describeWait(wait: Wait): string {
  return `Waited for ${wait.for} for ${describeMilliseconds(Date.parse(wait.until) - Date.parse(wait.from))}.`;
}

function took({ startedAt, endedAt }: RollReport): string {
  return describeMilliseconds(Date.parse(endedAt) - Date.parse(startedAt));
}

/** A node to which nothing happened is told in the overview. */
function isTold(node: NodeReport): boolean {
  return node.phases.length > 0 || node.packages.length > 0 || node.guests.length > 0;
}

function planOf(report: RollReport, { node }: NodeReport): NodePlan | null {
  return report.plan?.nodes.find((each) => each.node === node) ?? null;
}

function factsOf(report: RollReport): [string, string][] {
  const packages = report.nodes.reduce((sum, node) => sum + packageCount(node), 0);
  const reboots = report.nodes.filter((node) => node.reboot !== null).length;
  const expected = (report.plan?.nodes ?? []).reduce((sum, node) => sum + node.expectedMilliseconds, 0);
  const longest = longestDowntime(report);
  if (report.outcome === 'planned') return expected > 0 ? [['Takes', `about ${describeMilliseconds(expected)}`]] : [];
  return [
    ['Began', pointInTime(report.startedAt)],
    ['Ended', pointInTime(report.endedAt)],
    ['Took', expected > 0 ? `${took(report)}, expected about ${describeMilliseconds(expected)}` : took(report)],
    ['Packages', String(packages)],
    ['Reboots', String(reboots)],
    ...(longest === null ? [] : [['Longest downtime', longest] as [string, string]]),
  ];
}

function longestDowntime(report: RollReport): string | null {
  const guests = report.nodes.flatMap((node) => node.guests).filter((guest) => guest.downtime !== null);
  const [worst] = guests.sort((a, b) => rank(b) - rank(a));
  return worst === undefined ? null : `${guestName(worst)}: ${downtimeText(worst).text}`;

  function rank({ downtime }: GuestReport): number {
    return downtime?.stillDown === true ? Infinity : (downtime?.milliseconds ?? 0);
  }
}

function packageCount(node: NodeReport): number {
  return node.packages.length + (node.leftOut?.packages ?? 0);
}

function overview({ nodes }: RollReport, longest: number): Section[] {
  if (nodes.length === 0) return [];
  const table: Block = {
    kind: 'table',
    columns: [
      { title: 'Node' },
      { title: 'Outcome' },
      { title: 'Packages', align: 'right' },
      { title: 'Rebooted to' },
      { title: 'Guests back' },
      { title: 'Took' },
    ],
    rows: nodes.map((node): Text[] => [
      plain(node.node),
      NODE_OUTCOMES[node.outcome],
      plain(packageCount(node) === 0 ? '–' : String(packageCount(node))),
      plain(node.reboot?.kernelAfter ?? '–'),
      plain(guestsBack(node)),
      plain(nodeTook(node)),
    ]),
  };
  // Why a node was updated stands in the plan; here it would read as if it were still to do.
  const reasons = nodes.filter((node) => node.outcome !== 'updated' && node.reason !== '');
  const items: Item[] = reasons.map(({ node, reason }) => plain(`${node}: ${reason}`));
  return [{ title: plain(''), blocks: items.length === 0 ? [table] : [table, itemsBlock(items, longest)] }];
}

/** A plan that was made for its own sake. */
function toDo({ outcome, plan }: RollReport): Section[] {
  if (outcome !== 'planned' || plan === null) return [];
  const table: Block = {
    kind: 'table',
    columns: [
      { title: 'Node' },
      { title: 'To do' },
      { title: 'Packages', align: 'right' },
      { title: 'Reboot' },
      { title: 'Guests', align: 'right' },
      { title: 'About', flexible: true },
    ],
    rows: plan.nodes.map(({ node, action, packages, rebootExpected, moves, leftOut, expectedMilliseconds }): Text[] => [
      plain(node),
      plain(action === 'skip' ? 'nothing' : action),
      plain(String(packages.length + (leftOut?.packages ?? 0))),
      plain(rebootExpected ? 'yes' : 'no'),
      plain(String(moves.length + (leftOut?.moves ?? 0))),
      plain(action === 'skip' ? '–' : describeMilliseconds(expectedMilliseconds)),
    ]),
  };
  return [{ title: plain('Planned'), blocks: [table] }];
}

function guestsBack({ guests, leftOut }: NodeReport): string {
  const all = guests.length + (leftOut?.guests ?? 0);
  return all === 0 ? '–' : `${all - guests.filter(isAstray).length} of ${all}`;
}

function nodeTook({ phases }: NodeReport): string {
  const [first] = phases;
  const last = phases.at(-1);
  if (first === undefined || last === undefined || first === last) return '–';
  return describeMilliseconds(Date.parse(last.startedAt) - Date.parse(first.startedAt));
}

function isAstray(guest: GuestReport): boolean {
  return guest.at !== 'home' && guest.at !== 'stays';
}

function openUndo({ nodes }: RollReport, longest: number): Section[] {
  const open = nodes.flatMap((node) => node.openUndo);
  if (open.length === 0) return [];
  const title: Text = { text: `${count(open.length, 'change')} could not be taken back`, tone: 'bad' };
  const goesOn = nodes.flatMap(({ node, undoLater }): Block[] => {
    if (undoLater === undefined) return [];
    const text = `What is open on ${node} goes on being tried until ${pointInTime(undoLater.until)}; a mail says how that ends. See it, try it now or leave it to yourself with: caretaker undo.`;
    return [{ kind: 'text', text }];
  });
  return [{ title, blocks: [itemsBlock(open.map(openUndoItem), longest), ...goesOn] }];
}

function astray({ nodes }: RollReport, longest: number): Section[] {
  const told = new Set(nodes.flatMap((node) => node.openUndo).map(({ undo }) => ('vmid' in undo ? undo.vmid : null)));
  const guests = nodes.flatMap((node) => node.guests).filter((guest) => isAstray(guest) && !told.has(guest.vmid));
  if (guests.length === 0) return [];
  const { shown, ...rest } = cutList(guests, longest);
  const table: Block = {
    kind: 'table',
    columns: [{ title: 'Guest' }, { title: 'State' }, { title: 'On', flexible: true }],
    ...rest,
    rows: shown.map((guest) => [plain(guestName(guest)), { text: guest.at, tone: 'caution' }, plain(guest.node)]),
  };
  return [{ title: { text: 'Guests that are not in their place', tone: 'caution' }, blocks: [table] }];
}

function refusals(report: RollReport, longest: number): Section[] {
  const { blockers, overridden } = findingsInReport(report);
  const refused: Section = {
    title: { text: report.outcome === 'planned' ? 'In its way' : 'Refused before anything was touched', tone: 'bad' },
    blocks: [itemsBlock(blockers.map(findingItem), longest)],
  };
  const overrides: Section = {
    title: { text: 'Overridden', tone: 'caution' },
    blocks: [itemsBlock(overridden.map(findingItem), longest)],
  };
  return [
    ...((report.outcome === 'refused' || report.outcome === 'planned') && blockers.length > 0 ? [refused] : []),
    ...(overridden.length > 0 ? [overrides] : []),
  ];
}

function decided({ nodes }: RollReport, longest: number): Section[] {
  const items = nodes
    .flatMap((node) => node.decisions)
    .map(({ question, answer, by }): Item => {
      const who = by === 'person' ? 'by a person' : 'because nobody answered in time';
      return plain(`${question.node}: ${question.text} → ${answer}, ${who}`);
    });
  return items.length === 0 ? [] : [{ title: plain('Decided'), blocks: [itemsBlock(items, longest)] }];
}

function warnings(report: RollReport, longest: number): Section[] {
  const ofNodes = report.nodes.flatMap((node) => node.warnings.map((warning) => `${node.node}: ${warning}`));
  const { overridden } = findingsInReport(report);
  const toldAbove = (warning: string) => overridden.some(({ code }) => warning.endsWith(`(overridden: ${code})`));
  const items = [...new Set([...report.warnings, ...ofNodes])]
    .filter((warning) => !toldAbove(warning))
    .map((warning): Item => ({ text: `! Warning ${warning}`, tone: 'caution' }));
  if (items.length === 0) return [];
  return [{ title: plain(''), blocks: [itemsBlock(items, longest)] }];
}
