import { tame, type Block, type Column, type ReportDocument, type Section, type Text, type Tone } from './document.ts';

export interface TextLayout {
  /** Columns that a line may take. */
  readonly width: number;
  /** Adds color; nothing that takes a column. */
  readonly paint?: (text: string, tone: Tone | 'strong') => string;
}

type Paint = NonNullable<TextLayout['paint']>;

const GAP = 2;
/** Below this a column of words is a column of letters. */
const NARROWEST = 12;

/** The report for a terminal and for the text of a mail. */
export function asText(document: ReportDocument, { width, paint = (text) => text }: TextLayout): string {
  const { title, outcome, summary, facts, sections } = document;
  const heading = `${paint(tame(title), 'strong')}  ${painted(outcome, paint)}`;
  const label = Math.max(0, ...facts.map(([name]) => name.length)) + GAP;
  const lines = facts.map(
    ([name, value]) => paint(name.padEnd(label), 'faint') + wrap(tame(value), width - label, ' '.repeat(label)),
  );
  return [
    [heading, ...summary.map((text) => wrap(tame(text), width))].join('\n'),
    ...(lines.length > 0 ? [lines.join('\n')] : []),
    ...sections.map((section) => sectionText(section, width, paint)),
  ].join('\n\n');
}

function sectionText({ title, blocks }: Section, width: number, paint: Paint): string {
  const body = blocks.map((block) => blockText(block, width, paint)).join('\n\n');
  return title.text === '' ? body : `${paint(painted(title, paint), 'strong')}\n${body}`;
}

function blockText(block: Block, width: number, paint: Paint): string {
  switch (block.kind) {
    case 'text':
      return wrap(tame(block.text), width);
    case 'items':
      return block.items
        .map(({ text, tone, details = [] }) =>
          [
            paintLines(wrap(tame(text), width, '  '), tone, paint),
            ...details.map(([label, detail]) => `    ${wrap(`${label}: ${tame(detail)}`, width - 4, '      ')}`),
          ].join('\n'),
        )
        .concat(block.rest === undefined ? [] : [`  ${block.rest}`])
        .join('\n');
    case 'table':
      return tableText(block.columns, block.rows, width, paint) + (block.rest === undefined ? '' : `\n${block.rest}`);
  }
}

function tableText(
  columns: readonly Column[],
  rows: readonly (readonly Text[])[],
  width: number,
  paint: Paint,
): string {
  const cells = rows.map((row) => row.map(({ text, tone }) => ({ text: tame(text), tone })));
  const widths = columnWidths(columns, cells, width);
  const head = columns.map(({ title }): Text => ({ text: title, tone: 'faint' }));
  return [head, ...cells].map((row) => rowText(columns, row, widths, paint)).join('\n');
}

function columnWidths(columns: readonly Column[], rows: readonly (readonly Text[])[], width: number): number[] {
  const natural = columns.map(({ title }, index) =>
    Math.max(length(title), ...rows.map((row) => length(row[index]?.text ?? ''))),
  );
  let excess = natural.reduce((sum, each) => sum + each, 0) + GAP * (columns.length - 1) - width;
  // The flexible column gives first, then the widest.
  const order = columns
    .map((column, index) => ({ index, flexible: column.flexible === true, width: natural[index] ?? 0 }))
    .sort((a, b) => Number(b.flexible) - Number(a.flexible) || b.width - a.width);
  const widths = [...natural];
  for (const { index, width: own } of order) {
    const give = Math.min(Math.max(0, excess), Math.max(0, own - NARROWEST));
    widths[index] = own - give;
    excess -= give;
  }
  return widths;
}

function rowText(columns: readonly Column[], row: readonly Text[], widths: readonly number[], paint: Paint): string {
  const lines = row.map(({ text }, index) => breakCell(text, widths[index] ?? 0));
  const height = Math.max(1, ...lines.map((each) => each.length));
  return Array.from({ length: height }, (_, line) =>
    row
      .map(({ tone }, index) => {
        const text = lines[index]?.[line] ?? '';
        const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - length(text)));
        const shown = text === '' ? '' : paint(text, tone);
        return columns[index]?.align === 'right' ? space + shown : shown + space;
      })
      .join(' '.repeat(GAP))
      .trimEnd(),
  ).join('\n');
}

/** Breaks at spaces, and within a word that is wider than the cell. */
function breakCell(text: string, width: number): string[] {
  return wrap(text, width)
    .split('\n')
    .flatMap((line) => {
      const signs = [...line];
      const pieces: string[] = [];
      for (let from = 0; from < signs.length; from += width) pieces.push(signs.slice(from, from + width).join(''));
      return pieces.length === 0 ? [''] : pieces;
    });
}

/** Breaks `text` at spaces so that no line is wider than `width`; following lines start with `indent`. */
function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && length(longer) > width) {
      lines.push(line);
      line = indent + word;
    } else line = longer;
  }
  return [...lines, line].join('\n');
}

function length(text: string): number {
  return [...text].length;
}

function painted({ text, tone }: Text, paint: Paint): string {
  return paint(tame(text), tone);
}

function paintLines(text: string, tone: Tone, paint: Paint): string {
  return text
    .split('\n')
    .map((line) => paint(line, tone))
    .join('\n');
}
