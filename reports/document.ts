/** Meaning of a text; each form of the report shows it in its own way. */
export type Tone = 'plain' | 'good' | 'bad' | 'caution' | 'faint';

export interface Text {
  readonly text: string;
  readonly tone: Tone;
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Wraps where there is too little room; at most one column of a table. */
  readonly flexible?: boolean;
}

/** One thing to know, with what belongs to it: `['Do by hand', 'qm start 210']`. */
export interface Item extends Text {
  readonly details?: readonly (readonly [label: string, text: string])[];
}

export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'items';
      readonly items: readonly Item[];
      /** What the list leaves out: `and 770 more`. */
      readonly rest?: string;
    }
  | {
      readonly kind: 'table';
      readonly columns: readonly Column[];
      readonly rows: readonly (readonly Text[])[];
      readonly rest?: string;
    };

export interface Section {
  readonly title: Text;
  readonly blocks: readonly Block[];
}

/** A report as people read it, before it is put on a terminal, into a mail or into Markdown. */
export interface ReportDocument {
  readonly title: string;
  readonly outcome: Text;
  readonly summary: readonly string[];
  readonly facts: readonly (readonly [label: string, value: string])[];
  readonly sections: readonly Section[];
}

/** The first `longest` of a list, and a word about the others. */
export function cutList<T>(list: readonly T[], longest: number, leftOut = 0): { shown: readonly T[]; rest?: string } {
  const shown = list.slice(0, longest);
  const others = list.length - shown.length + leftOut;
  return others > 0 ? { shown, rest: `and ${others} more` } : { shown };
}

export function itemsBlock(items: readonly Item[], longest: number): Block {
  const { shown, ...rest } = cutList(items, longest);
  return { kind: 'items', items: shown, ...rest };
}

export function plain(text: string): Text {
  return { text, tone: 'plain' };
}

/**
 * A text on one line, without what a terminal obeys or what turns the direction of writing: names and logs come from
 * elsewhere.
 */
export function tame(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, '\uFFFD');
}
