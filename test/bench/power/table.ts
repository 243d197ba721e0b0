export interface Row {
  readonly name: string;
  /** Milliseconds, one a round. */
  readonly times: readonly number[];
}

/** The time that this share of the rounds did not exceed, in milliseconds. */
export function quantile({ times }: Row, share: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** As a Markdown table, in seconds; the last column is the median of the row by that of the one it is measured by. */
export function renderTable(rows: readonly (Row & { readonly by?: Row })[]): string {
  const lines = rows.map((row) => {
    const shown = [0, 0.5, 0.95, 1].map((share) => (quantile(row, share) / 1_000).toFixed(2));
    const ratio = row.by === undefined ? '–' : (quantile(row, 0.5) / quantile(row.by, 0.5)).toFixed(2);
    return `| ${[row.name, row.times.length, ...shown, ratio].join(' | ')} |\n`;
  });
  return `| | n | min | median | p95 | max | of upsmon |\n|---|---|---|---|---|---|---|\n${lines.join('')}`;
}
