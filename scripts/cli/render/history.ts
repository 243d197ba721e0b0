import { describeMilliseconds } from '../../../domain/duration.ts';
import type { Text } from '../../../reports/document.ts';
import { ROLL_OUTCOMES } from '../../../reports/words.ts';
import type { PastRun } from '../past-runs.ts';
import { createStyle, DEFAULT_WIDTH, type RenderOptions, type Style } from './style.ts';
import { renderTable } from './table.ts';

export interface HistoryEntry extends PastRun {
  /** Null while it runs, and for a run that left no report. */
  readonly totals: Totals | null;
}

export interface Totals {
  readonly nodesUpdated: number;
  readonly nodes: number;
  readonly packages: number;
  readonly reboots: number;
}

/** A line a run. */
export function renderHistory(
  entries: readonly HistoryEntry[],
  { width = DEFAULT_WIDTH, color }: RenderOptions = {},
): string {
  const style = createStyle(color);
  const columns = [
    { title: 'Began (UTC)' },
    { title: 'Outcome', flexible: true },
    { title: 'Took' },
    { title: 'Nodes' },
    { title: 'Packages', align: 'right' as const },
    { title: 'Reboots', align: 'right' as const },
    { title: 'Run' },
  ];
  const idLength = enoughOf(entries.map(({ runId }) => runId));
  const rows = entries.map(({ startedAt, endedAt, outcome, totals, runId }) => [
    startedAt.slice(0, 16).replace('T', ' '),
    describeOutcome(outcome, ROLL_OUTCOMES, style),
    endedAt === null ? '–' : describeMilliseconds(Date.parse(endedAt) - Date.parse(startedAt)),
    totals === null ? '–' : `${totals.nodesUpdated}/${totals.nodes}`,
    totals === null ? '–' : String(totals.packages),
    totals === null ? '–' : String(totals.reboots),
    runId.slice(0, idLength),
  ]);
  return renderTable(columns, rows, { width, style });
}

/** Of a list of runs: how much of each id tells it from the others; `report` takes as much. Ids of one minute begin alike. */
export function enoughOf(ids: readonly string[]): number {
  let length = 8;
  while (new Set(ids.map((id) => id.slice(0, length))).size < ids.length) length += 1;
  return length;
}

/** @param outcomes What the outcomes of this kind of run are called. */
export function describeOutcome(
  outcome: string | null,
  outcomes: Readonly<Record<string, Text>>,
  style: Style,
): string {
  if (outcome === 'running') return style.active('● running');
  const known = Object.entries(outcomes).find(([name]) => name === outcome)?.[1];
  if (known === undefined) return style.bad('✘ broken off');
  return known.tone === 'plain' ? known.text : style[known.tone](known.text);
}
