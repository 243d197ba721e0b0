import { describeMilliseconds } from '../../../domain/duration.ts';
import type { NutClientsProgress, NutClientsReport } from '../../../domain/nut-client.ts';
import { Message } from '../../../domain/messages.ts';
import { clientItem, nutClientsDocument, SERVER_ADVICE } from '../../../reports/nut-clients-document.ts';
import type { RunKind } from '../run-kind.ts';
import { renderDocument } from './document.ts';
import type { ProgressOptions } from './progress.ts';
import { createStyle, DEFAULT_WIDTH, wrap, type RenderOptions } from './style.ts';
import { renderTableOverNotes } from './table.ts';
import { sentence } from './words.ts';

export const NUT_CLIENTS: RunKind<NutClientsProgress, NutClientsReport> = {
  mark: 'clients',
  afterTermination: 'see with `caretaker power clients check` how the nodes are, and begin anew',
  read: (_client, handle) => handle.query<NutClientsProgress>(Message.progress),
  renderProgress,
  changes: (before, after) => [
    ...after.over.slice(before?.over.length ?? 0).map((line) => clientItem(line).text),
    ...(after.inHand === null || after.inHand === before?.inHand ? [] : [`${after.inHand} is in hand`]),
    ...(after.waitingFor === null || after.waitingFor === before?.waitingFor ? [] : [`Waits for ${after.waitingFor}`]),
  ],
  renderReport: (report, layout) => renderDocument(nutClientsDocument(report), layout),
  isGood: ({ outcome }) => outcome === 'done',
};

function renderProgress(
  { task, startedAt, inHand, waitingFor, over }: NutClientsProgress,
  options: ProgressOptions,
): string {
  const style = createStyle(options.color);
  const width = options.width ?? DEFAULT_WIDTH;
  const title = style.strong(task === 'provision' ? 'NUT clients' : 'Removal of the NUT clients');
  const elapsed = Math.max(0, options.now.getTime() - Date.parse(startedAt));
  return [
    `${title} · ${describeMilliseconds(elapsed)}`,
    ...over.map((line) => wrap(clientItem(line).text, width, '  ')),
    ...(inHand === null ? [] : [style.active(`● ${inHand}: in hand`)]),
    ...(waitingFor === null ? [] : [style.caution(wrap(`Waits for ${waitingFor}`, width))]),
  ].join('\n');
}

/** What `caretaker power clients check` has found on one node. */
export interface NutClientCheck {
  readonly node: string;
  /** Of nut-client; null: not installed, or not known. */
  readonly version: string | null;
  /** Files that are not as declared. */
  readonly different: readonly string[];
  readonly service: string;
  /** Why the node is not protected; null: it is. */
  readonly why: string | null;
}

/** A line a node, and what is to be seen to on the NUT server. */
export function renderNutClientChecks(
  checks: readonly NutClientCheck[],
  server: readonly string[],
  { width = DEFAULT_WIDTH, color }: RenderOptions,
): string {
  const style = createStyle(color);
  const columns = [{ title: 'Node' }, { title: 'State' }, { title: 'nut-client' }, { title: 'nut-monitor' }];
  const rows = checks.map(({ node, version, service, why }) => ({
    name: node,
    cells: [
      style.strong(node),
      why === null ? style.good('✔ protected') : style.bad('✘ not protected'),
      version ?? '–',
      service,
    ],
    note: why === null ? '' : sentence(why),
  }));
  return [
    renderTableOverNotes(columns, rows, { width, style }),
    '',
    style.strong('On the NUT server'),
    wrap(SERVER_ADVICE, width),
    ...server.map((line) => `  ${line}`),
  ].join('\n');
}
