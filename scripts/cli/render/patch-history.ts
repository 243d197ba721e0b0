import { describeMilliseconds } from '../../../domain/duration.ts';
import { FLEET_OUTCOMES } from '../../../reports/words.ts';
import type { PatchRun } from '../patch-runs.ts';
import { describeOutcome, enoughOf } from './history.ts';
import { createStyle, DEFAULT_WIDTH, type RenderOptions } from './style.ts';
import { renderTable } from './table.ts';

/** A line a run. */
export function renderPatchHistory(
  runs: readonly PatchRun[],
  { width = DEFAULT_WIDTH, color }: RenderOptions = {},
): string {
  const style = createStyle(color);
  const idLength = enoughOf(runs.map(({ runId }) => runId));
  const rows = runs.map(({ workflowId, runId, startedAt, endedAt, outcome }) => [
    startedAt.slice(0, 16).replace('T', ' '),
    workflowId,
    describeOutcome(outcome, FLEET_OUTCOMES, style),
    endedAt === null ? '–' : describeMilliseconds(Date.parse(endedAt) - Date.parse(startedAt)),
    runId.slice(0, idLength),
  ]);
  const columns = [
    { title: 'Began (UTC)' },
    { title: 'What', flexible: true },
    { title: 'Outcome' },
    { title: 'Took' },
    { title: 'Run' },
  ];
  return renderTable(columns, rows, { width, style });
}
