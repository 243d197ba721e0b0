import type { PackageUpdate } from '../../../domain/cluster.ts';
import { describeMilliseconds } from '../../../domain/duration.ts';
import type { GuestMove, KernelCanary, NodePlan, RollPlan } from '../../../domain/plan.ts';
import { blockersIn, findingsOf } from '../../../planning/findings.ts';
import { renderFindings } from './findings.ts';
import { DEFAULT_WIDTH, createStyle, wrap, type RenderOptions, type Style } from './style.ts';
import { renderTable, renderTableWithNotes } from './table.ts';
import { MOVES, count, guestName, kindName, memorySize, quorumSign } from './words.ts';

/** Packages that are named; the rest is counted. */
const NAMED_PACKAGES = 5;

interface Layout {
  readonly width: number;
  readonly style: Style;
}

/** What a run will do, node by node, and why; then everything that was found, with what to do about it. */
export function renderPlan(plan: RollPlan, options: RenderOptions = {}): string {
  const layout: Layout = { width: options.width ?? DEFAULT_WIDTH, style: createStyle(options.color) };
  const busy = plan.nodes.filter((node) => node.action !== 'skip');
  const findings = findingsOf(plan);
  return [
    renderHeading(plan, layout),
    renderOverview(plan.nodes, layout),
    ...busy.map((node) => renderNode(node, layout)),
    ...(findings.length > 0 ? [renderFindings(findings, layout)] : []),
    renderVerdict(plan, blockersIn(findings).length, layout),
  ].join('\n\n');
}

function renderHeading(plan: RollPlan, { style }: Layout): string {
  const expected = plan.nodes.reduce((sum, node) => sum + node.expectedMilliseconds, 0);
  const time = expected > 0 ? `, about ${describeMilliseconds(expected)}` : '';
  return `${style.strong(`Plan for ${plan.cluster}`)} · ${count(plan.nodes.length, 'node')}${time}`;
}

function renderOverview(nodes: readonly NodePlan[], { width, style }: Layout): string {
  const columns = [
    { title: '#', align: 'right' as const },
    { title: 'Node' },
    { title: 'Action' },
    { title: 'Packages', align: 'right' as const },
    { title: 'Reboot' },
    { title: 'Guests', align: 'right' as const },
    { title: 'About' },
  ];
  const rows = nodes.map((node, index) => ({
    name: node.node,
    cells: [
      String(index + 1),
      style.strong(node.node),
      actionSign(node, style),
      orDash(node.packages.length + (node.leftOut?.packages ?? 0)),
      node.rebootExpected ? style.caution('yes') : 'no',
      orDash(node.moves.length + (node.leftOut?.moves ?? 0)),
      node.expectedMilliseconds > 0 ? describeMilliseconds(node.expectedMilliseconds) : '–',
    ],
    note: node.reason,
  }));
  return renderTableWithNotes(columns, rows, { width, style });
}

function actionSign(node: NodePlan, style: Style): string {
  if (blockersIn(node.findings).length > 0) return style.bad('✘ refused');
  if (node.action === 'skip') return style.faint('– skip');
  return style.active(`● ${node.action}`);
}

function orDash(amount: number): string {
  return amount === 0 ? '–' : String(amount);
}

function renderNode(node: NodePlan, layout: Layout): string {
  const { width, style } = layout;
  const quorum = `${quorumSign(node.quorum.verdict, style)}: ${node.quorum.explanation}`;
  const parts = [style.strong(node.node), paragraph(`Quorum    ${quorum}`, width)];
  if (node.maintenance) parts.push(paragraph('HA        maintenance mode on while it is updated', width));
  if (node.canary) parts.push(paragraph(`Kernel    ${describeCanary(node.canary)}`, width));
  if (node.packages.length > 0) parts.push(paragraph(`Packages  ${namePackages(node)}`, width));
  if (node.moves.length > 0) parts.push(renderMoves(node, layout));
  return parts.join('\n');
}

function describeCanary({ tries, fallback }: KernelCanary): string {
  return `${tries} is tried for one boot, and kept if the node proves well; else ${fallback} is booted next`;
}

/** Kernels first: they decide about the reboot. */
function namePackages({ packages, leftOut }: NodePlan): string {
  const isKernel = (update: PackageUpdate): boolean => /kernel/.test(update.name);
  const sorted = [...packages.filter(isKernel), ...packages.filter((update) => !isKernel(update))];
  const named = sorted.slice(0, NAMED_PACKAGES).map(({ name, from, to }) => `${name} ${from ?? 'new'} → ${to}`);
  const rest = packages.length - named.length + (leftOut?.packages ?? 0);
  return named.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

function renderMoves(node: NodePlan, { width, style }: Layout): string {
  const columns = [
    { title: 'Guest' },
    { title: 'Kind' },
    { title: 'Memory', align: 'right' as const },
    { title: 'Goes to' },
    { title: 'How', flexible: true },
  ];
  const rows = node.moves.map((move) => [
    guestName(move),
    kindName(move.kind),
    memorySize(move.maxMemory),
    whereTo(move),
    howItMoves(move),
  ]);
  return renderTable(columns, rows, { width, style, indent: '  ' });
}

function whereTo({ how, target }: GuestMove): string {
  if (how === 'leave' || how === 'shutdown') return 'stays';
  if (target === null) return 'a node of its choice';
  return how === 'ha' ? `${target}, likely` : target;
}

function howItMoves(move: GuestMove): string {
  return MOVES[move.how] + (move.withLocalDisks ? ', with local disks' : '');
}

function renderVerdict(plan: RollPlan, blockers: number, { style }: Layout): string {
  if (blockers > 0) {
    return style.bad(`This run is refused for ${count(blockers, 'reason')}. No node is touched.`);
  }
  if (plan.nodes.every((node) => node.action === 'skip')) return style.good('Nothing to do: every node is up to date.');
  return style.good('Nothing stands in the way of this run.');
}

function paragraph(text: string, width: number): string {
  return `  ${wrap(text, width - 2, ' '.repeat(12))}`;
}
