export interface Row {
  readonly name: string;
  /** Milliseconds, one a round. */
  readonly times: readonly number[];
}

/** As a Markdown table, in seconds. */
export function renderTable(rows: readonly Row[]): string {
  const lines = rows.map(({ name, times }) => {
    const sorted = times.toSorted((a, b) => a - b).map((ms) => ms / 1_000);
    const at = (share: number): string => (sorted[Math.ceil(share * sorted.length) - 1] ?? NaN).toFixed(2);
    return `| ${name} | ${sorted.length} | ${(sorted[0] ?? NaN).toFixed(2)} | ${at(0.5)} | ${at(0.95)} | ${at(1)} |\n`;
  });
  return `| | n | min | median | p95 | max |\n|---|---|---|---|---|---|\n${lines.join('')}`;
}
