import { describeMilliseconds } from '../../../domain/duration.ts';
import type { GuestProgress, NodeReport, RollReport } from '../../../domain/report.ts';
import type { OpenUndo, Undo } from '../../../domain/undo.ts';
import { blockersIn, findingsOf } from '../../../planning/findings.ts';
import { renderFindings } from './findings.ts';
import { DEFAULT_WIDTH, createStyle, wrap, type RenderOptions, type Style } from './style.ts';
import { renderTable, renderTableWithNotes } from './table.ts';
import { count, guestName, nodeOutcomeSign, rollOutcomeSign, sentence, whereaboutsSign } from './words.ts';

/** How a run ended: its nodes, what is not as before, and what to do by hand. */
export function renderReport(report: RollReport, options: RenderOptions = {}): string {
  const width = options.width ?? DEFAULT_WIDTH;
  const style = createStyle(options.color);
  const parts = [renderHeading(report, width, style)];
  if (report.nodes.length > 0) parts.push(renderNodes(report.nodes, width, style));
  const open = report.nodes.flatMap((node) => node.openUndo);
  if (open.length > 0) parts.push(renderOpenUndo(open, width, style));
  const told = new Set(open.map(({ undo }) => ('vmid' in undo ? undo.vmid : null)));
  const strays = report.nodes.flatMap((node) =>
    node.guests.filter((guest) => isAstray(guest) && !told.has(guest.vmid)),
  );
  if (strays.length > 0) parts.push(renderStrays(strays, width, style));
  if (report.outcome === 'refused' && report.plan !== null) {
    const blockers = blockersIn(findingsOf(report.plan));
    const heading = style.bad('Refused before anything was touched');
    if (blockers.length > 0) parts.push(`${heading}\n\n${renderFindings(blockers, { width, style })}`);
  }
  const warnings = collectWarnings(report);
  if (warnings.length > 0) parts.push(renderWarnings(warnings, width, style));
  return parts.join('\n\n');
}

function renderHeading(report: RollReport, width: number, style: Style): string {
  const took = describeMilliseconds(Date.parse(report.endedAt) - Date.parse(report.startedAt));
  const heading = `${style.strong(`Rolling update of ${report.cluster}`)}  ${rollOutcomeSign(report.outcome, style)} · ${took}`;
  const waits = report.waits.map(
    (wait) => `Waited for ${wait.for} for ${describeMilliseconds(Date.parse(wait.until) - Date.parse(wait.from))}.`,
  );
  return [heading, ...[sentence(report.reason), ...waits].map((line) => wrap(line, width))].join('\n');
}

function renderNodes(nodes: readonly NodeReport[], width: number, style: Style): string {
  const columns = [
    { title: 'Node' },
    { title: 'Outcome' },
    { title: 'Packages', align: 'right' as const },
    { title: 'Rebooted to' },
    { title: 'Guests back' },
    { title: 'Took' },
  ];
  const rows = nodes.map((node) => ({
    name: node.node,
    cells: [
      style.strong(node.node),
      nodeOutcomeSign(node.outcome, style),
      node.packages.length === 0 ? '–' : String(node.packages.length),
      node.reboot === null ? '–' : node.reboot.kernelAfter,
      summarizeGuests(node.guests),
      duration(node),
    ],
    // Why a node was updated stands in the plan; here it would read as if it were still to do.
    note: node.outcome === 'updated' ? '' : node.reason,
  }));
  return renderTableWithNotes(columns, rows, { width, style });
}

function summarizeGuests(guests: readonly GuestProgress[]): string {
  if (guests.length === 0) return '–';
  const astray = guests.filter(isAstray).length;
  return `${guests.length - astray} of ${guests.length}`;
}

function isAstray(guest: GuestProgress): boolean {
  return guest.at !== 'home' && guest.at !== 'stays';
}

function duration({ phases }: NodeReport): string {
  const [first] = phases;
  const last = phases.at(-1);
  if (first === undefined || last === undefined || first === last) return '–';
  return describeMilliseconds(Date.parse(last.startedAt) - Date.parse(first.startedAt));
}

function renderOpenUndo(entries: readonly OpenUndo[], width: number, style: Style): string {
  const lines = entries.flatMap(({ undo, reason, remedy }) => [
    `  ${wrap(`${style.bad('✘')} ${describeUndo(undo)}: ${reason}`, width - 2, '    ')}`,
    `    ${wrap(`Do by hand: ${remedy}`, width - 4, '    ')}`,
  ]);
  return [style.bad(style.strong(`${count(entries.length, 'change')} could not be taken back`)), ...lines].join('\n');
}

function describeUndo(undo: Undo): string {
  switch (undo.kind) {
    case 'maintenance':
      return `HA maintenance mode of ${undo.node} is still on`;
    case 'ha-armed':
      return 'HA is still disarmed';
    case 'ceph-noout':
      return `Ceph still has noout set for ${undo.node}`;
    case 'backup-job':
      return `the backup job ${undo.id} is still disabled`;
    case 'guest-away':
      return `${guestName(undo)} is still on ${undo.away} instead of ${undo.home}`;
    case 'guest-stopped':
      return `${guestName(undo)} is still stopped on ${undo.home}`;
  }
}

function renderStrays(guests: readonly GuestProgress[], width: number, style: Style): string {
  const rows = guests.map((guest) => [guestName(guest), whereaboutsSign(guest.at, style), guest.node]);
  const columns = [{ title: 'Guest' }, { title: 'State' }, { title: 'On', flexible: true }];
  return `${style.caution('Guests that are not in their place')}\n${renderTable(columns, rows, { width, style, indent: '  ' })}`;
}

function collectWarnings(report: RollReport): string[] {
  const ofNodes = report.nodes.flatMap((node) => node.warnings.map((warning) => `${node.node}: ${warning}`));
  return [...new Set([...report.warnings, ...ofNodes])];
}

function renderWarnings(warnings: readonly string[], width: number, style: Style): string {
  return warnings.map((warning) => wrap(`${style.caution('! Warning')} ${warning}`, width, '  ')).join('\n');
}
