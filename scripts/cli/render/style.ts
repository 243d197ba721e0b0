import { stripVTControlCharacters, styleText } from 'node:util';

/** How a text is laid out. The defaults suit a file or a pipe. */
export interface RenderOptions {
  /** Columns that a line may take; default 100. */
  readonly width?: number;
  readonly color?: boolean;
  /** How people call the CLI here, for hints; default `caretaker`. */
  readonly command?: string;
}

/** Meanings instead of colors, so that all tables agree. */
export interface Style {
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly caution: (text: string) => string;
  readonly active: (text: string) => string;
}

/** The caller has looked at its output and NO_COLOR; styleText would look at stdout, whatever is printed to. */
const FORCED = { validateStream: false };

export function createStyle(color = false): Style {
  const paint = (format: Parameters<typeof styleText>[0]) => (text: string) =>
    color ? styleText(format, text, FORCED) : text;
  return {
    strong: paint('bold'),
    faint: paint('dim'),
    good: paint('green'),
    bad: paint('red'),
    caution: paint('yellow'),
    active: paint('cyan'),
  };
}

export const DEFAULT_WIDTH = 100;
export const DEFAULT_COMMAND = 'caretaker';

/** Columns that `text` takes on a terminal, without its colors. */
export function visibleLength(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Breaks `text` at spaces so that no line is wider than `width`; following lines start with `indent`. */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && visibleLength(longer) > width) {
      lines.push(line);
      line = indent + word;
    } else line = longer;
  }
  return [...lines, line].join('\n');
}

/** Rows of a terminal of `columns` columns that `line` takes. */
export function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil(visibleLength(line) / columns));
}
