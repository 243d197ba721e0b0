import { undoKey, type OpenUndo, type UndoView } from '../../../domain/undo.ts';
import { describeOpenUndo } from '../../../reports/undo-items.ts';
import { pointInTime } from '../../../reports/words.ts';
import { createStyle, DEFAULT_COMMAND, DEFAULT_WIDTH, wrap, type RenderOptions, type Style } from './style.ts';

/** What earlier runs have left, a part a node; empty when they have left nothing. */
export function renderLeftovers(
  leftovers: readonly {
    readonly node: string;
    readonly givenUpAt: string | null;
    readonly view: UndoView | null;
  }[],
  options: RenderOptions = {},
): string {
  return leftovers
    .map(({ node, givenUpAt, view }) =>
      givenUpAt === null ? renderNode(node, view, options) : renderGivenUp(node, givenUpAt, view, options),
    )
    .join('\n\n');
}

/** Nobody has looked since whether a person has done it. */
function renderGivenUp(node: string, at: string, view: UndoView | null, options: RenderOptions): string {
  const { width = DEFAULT_WIDTH } = options;
  const style = createStyle(options.color);
  const title = style.strong(`Given up on ${node}, left to you`);
  const since = `It has not been tried since ${pointInTime(at)}, nor looked at.`;
  if (view === null) return `${title}\n${wrap(`${since} What was open then cannot be told without a worker.`, width)}`;
  return [title, wrap(`${since} Open then:`, width), ...view.open.map((each) => renderEntry(each, width, style))].join(
    '\n',
  );
}

function renderNode(node: string, view: UndoView | null, options: RenderOptions): string {
  const { width = DEFAULT_WIDTH, command = DEFAULT_COMMAND } = options;
  const style = createStyle(options.color);
  const title = style.strong(`Still to be undone on ${node}`);
  if (view === null) return `${title}\nIt does not answer. It goes on as soon as a worker is back.`;
  const next = view.nextTry === null ? view.state : `next try ${pointInTime(view.nextTry)}`;
  return [
    title,
    wrap(
      `${view.tries === 1 ? '1 try' : `${view.tries} tries`} so far, ${next}; given up ${pointInTime(view.until)}.`,
      width,
    ),
    ...view.open.map((each) => renderEntry(each, width, style)),
    `${style.faint('Try now')}         ${command} undo retry ${node}`,
    `${style.faint('Leave it to you')} ${command} undo forget ${node} [ENTRY]`,
  ].join('\n');
}

function renderEntry({ undo, reason, remedy }: OpenUndo, width: number, style: Style): string {
  const detail = (label: string, text: string) =>
    `    ${style.faint(label.padEnd(LABEL))}${hanging(text, width, LABEL + 4)}`;
  return [
    `  ${style.caution(hanging(describeOpenUndo(undo), width, 2))}`,
    detail('Why', reason),
    detail('By hand', remedy),
    detail('Entry', undoKey(undo)),
  ].join('\n');
}

const LABEL = 'By hand'.length + 2;

/** `text` beside what takes the first columns of its first line. */
function hanging(text: string, width: number, columns: number): string {
  return wrap(text, width - columns).replaceAll('\n', `\n${' '.repeat(columns)}`);
}

/** What the run that is under way will undo before it ends; empty when there is nothing. */
export function renderToUndo(open: readonly OpenUndo[], options: RenderOptions = {}): string {
  if (open.length === 0) return '';
  const { width = DEFAULT_WIDTH } = options;
  const style = createStyle(options.color);
  return [
    style.strong('Still to be undone by this run'),
    ...open.map(({ undo, reason }) => `  ${hanging(`${describeOpenUndo(undo)} (${reason})`, width, 2)}`),
  ].join('\n');
}
