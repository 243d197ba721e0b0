import type { Result } from './contenders.ts';

export interface Row {
  readonly name: string;
  readonly results: readonly Result[];
}

/** Medians as a Markdown table; ratios are those to the first row. */
export function renderTable(rows: readonly Row[]): string {
  const [first] = rows;
  const limit = median(first, (result) => result.seconds);
  const lines = rows.flatMap((row) => {
    const seconds = median(row, (result) => result.seconds);
    const own = cells(row.name, row, (result) => result, `${seconds.toFixed(1)} s | ${(seconds / limit).toFixed(2)}`);
    if (row.results.every(({ server }) => server === undefined)) return [own];
    return [own, cells(`${row.name}: Temporal beside it`, row, (result) => result.server ?? result, '– | –')];
  });
  return `| | wall | of the first | processor | peak memory |\n|---|---|---|---|---|\n${lines.join('')}`;
}

function cells(name: string, row: Row, usage: (result: Result) => Omit<Result, 'seconds'>, wall: string): string {
  const cpu = median(row, (result) => usage(result).cpuSeconds).toFixed(1);
  const memory = median(row, (result) => usage(result).peakMiB).toFixed(0);
  return `| ${name} | ${wall} | ${cpu} s | ${memory} MiB |\n`;
}

function median(row: Row | undefined, measure: (result: Result) => number): number {
  const sorted = (row?.results ?? []).map(measure).sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] = [sorted[sorted.length % 2 === 1 ? middle : middle - 1], sorted[middle]];
  return (low + high) / 2;
}
