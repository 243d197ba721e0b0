import Table from 'cli-table3';
import { visibleLength, wrap, type Style } from './style.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Takes the space that the others leave and wraps; at most one column. */
  readonly flexible?: boolean;
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

const GAP = 2;
const NARROWEST = 12;

/** A table without lines, as wide as its contents and at most `width`. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width, style, indent = '' }: { readonly width: number; readonly style: Style; readonly indent?: string },
): string {
  const table = new Table({
    head: columns.map(({ title }) => style.faint(title)),
    colWidths: columnWidths(columns, rows, width - indent.length),
    colAligns: columns.map(({ align = 'left' }) => align),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    wordWrap: true,
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => (indent + line).trimEnd())
    .join('\n');
}

/** Below this a column of sentences is a column of words. */
const SENTENCE = 28;

export interface Row {
  readonly name: string;
  readonly cells: readonly string[];
  /** A sentence, or empty. */
  readonly note: string;
}

/**
 * A table whose last column is a sentence. Where that would be squeezed it goes below the table, after the name of its
 * row.
 */
export function renderTableWithNotes(
  columns: readonly Column[],
  rows: readonly Row[],
  options: { readonly width: number; readonly style: Style },
): string {
  const bare = rows.map(({ cells }) => cells);
  if (rows.every(({ note }) => note === '')) return renderTable(columns, bare, options);
  const used = columnWidths(columns, bare, Number.MAX_SAFE_INTEGER).reduce((sum, each) => sum + each + GAP, 0);
  const longest = Math.max(...rows.map(({ note }) => note.length));
  if (options.width - used >= Math.min(SENTENCE, longest)) {
    const whole = rows.map(({ cells, note }) => [...cells, note]);
    return renderTable([...columns, { title: 'Why', flexible: true }], whole, options);
  }
  return renderTableOverNotes(columns, rows, options);
}

/** A table with sentences below it, each after the name of its row: a column would break long words such as fingerprints. */
export function renderTableOverNotes(
  columns: readonly Column[],
  rows: readonly Row[],
  options: { readonly width: number; readonly style: Style },
): string {
  const notes = rows
    .filter(({ note }) => note !== '')
    .map(({ name, note }) => wrap(`${name}: ${note}`, options.width, '  '));
  const cells = rows.map((row) => row.cells);
  return [renderTable(columns, cells, options), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

function columnWidths(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): number[] {
  const natural = columns.map(({ title }, index) =>
    Math.max(visibleLength(title), ...rows.map((row) => visibleLength(row[index] ?? ''))),
  );
  const gaps = GAP * (columns.length - 1);
  const excess = natural.reduce((sum, each) => sum + each, 0) + gaps - width;
  if (excess <= 0) return natural;
  return natural.map((each, index) => (columns[index]?.flexible ? Math.max(NARROWEST, each - excess) : each));
}
