import type { MailMessage } from '../domain/mail.ts';
import type { Undo, UndoResult } from '../domain/undo.ts';
import { documentMail } from './document-mail.ts';
import { cutList, plain, type Block, type Item, type ReportDocument, type Section } from './document.ts';
import { describeOpenUndo, openUndoItem, undoneItem } from './undo-items.ts';
import { count } from './words.ts';

/** Entries of a list that a mail names. */
const LONGEST_LIST = 50;

/** The mail that tells how the undoing of what a run has left has ended. Its subject says whether there is something to do. */
export function undoMail(id: string, result: UndoResult, end: 'done' | 'given-up' | 'canceled'): MailMessage {
  const document = undoDocument(result, end);
  const { cluster, node, open } = result;
  const subject =
    end === 'done'
      ? `${isAllUndone(result) ? 'Undone' : 'Settled'}: what was left open on ${node} of ${cluster}`
      : `TO DO: ${count(open.length, 'change')} on ${node} of ${cluster} must be taken back by hand`;
  return documentMail(id, subject, document);
}

function isAllUndone({ overtaken, forgotten }: UndoResult): boolean {
  return overtaken.length + forgotten.length === 0;
}

function describeDone(result: UndoResult): string {
  if (isAllUndone(result)) return 'Everything that an earlier run had left open is taken back.';
  const { undone, overtaken, forgotten } = result;
  const parts = [
    { entries: undone, what: 'taken back' },
    { entries: overtaken, what: 'left as found' },
    { entries: forgotten, what: 'left to people' },
  ].filter(({ entries }) => entries.length > 0);
  return `Nothing that an earlier run had left open is tried any more: ${parts.map(({ entries, what }) => `${entries.length} ${what}`).join(', ')}.`;
}

function undoDocument(result: UndoResult, end: 'done' | 'given-up' | 'canceled'): ReportDocument {
  const { cluster, node, open, undone, overtaken, forgotten, warnings } = result;
  const ends = {
    done: { outcome: '✔ done', summary: describeDone(result) },
    'given-up': { outcome: '✘ given up', summary: 'It is not tried any more. What follows is left to you.' },
    canceled: { outcome: '✘ canceled', summary: 'Somebody canceled it. What follows is left to you.' },
  };
  return {
    title: `What a run left open on ${node} of ${cluster}`,
    outcome: { text: ends[end].outcome, tone: end === 'done' ? 'good' : 'bad' },
    summary: [ends[end].summary],
    facts: [],
    sections: [
      ...section('Still to be undone', open.map(openUndoItem)),
      ...section('Taken back', undone.map(undoneItem)),
      ...section(
        'Left as found',
        overtaken.map(({ reason }) => plain(reason)),
      ),
      ...section('Left to people, as they asked', forgotten.map(describeForgotten)),
      ...section(
        '',
        warnings.map((warning): Item => ({ text: `! Warning ${warning}`, tone: 'caution' })),
      ),
    ],
  };
}

function describeForgotten(undo: Undo): Item {
  return plain(describeOpenUndo(undo).replace(' still ', ' '));
}

function section(title: string, items: readonly Item[]): Section[] {
  if (items.length === 0) return [];
  const { shown, ...rest } = cutList(items, LONGEST_LIST);
  const block: Block = { kind: 'items', items: shown, ...rest };
  return [{ title: plain(title), blocks: [block] }];
}
