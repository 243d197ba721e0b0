import type { Question } from '../../../domain/decision.ts';
import { describeMilliseconds } from '../../../domain/duration.ts';
import type { GuestProgress, NodePhase, NodeProgress, RollProgress } from '../../../domain/report.ts';
import { MEANING } from '../../../planning/decide.ts';
import { DEFAULT_COMMAND, DEFAULT_WIDTH, createStyle, wrap, type RenderOptions, type Style } from './style.ts';
import { renderTable } from './table.ts';
import { MOVES, count, guestName, phaseSign, whereaboutsSign } from './words.ts';

export interface ProgressOptions extends RenderOptions {
  readonly now: Date;
  /** Page of the run in Temporal's Web UI, if there is one. */
  readonly webUiUrl?: string | null;
}

const OVER: ReadonlySet<NodePhase> = new Set(['done', 'skipped', 'failed']);
const BAR = 24;

/** Where a run stands: its nodes and phases, the guests that move, the time. */
export function renderProgress(progress: RollProgress, options: ProgressOptions): string {
  const width = options.width ?? DEFAULT_WIDTH;
  const style = createStyle(options.color);
  const parts = [renderHeading(progress, options.now, style)];
  // Until its turn has come and the plan is made, a run does not know its nodes.
  if (progress.nodes.length > 0) parts.push(renderNodes(progress.nodes, options.now, width, style));
  else if (progress.waitingFor === null) parts.push('Looking at the cluster and making the plan …');
  // Before the guests, which are what a low terminal cuts off.
  const notes = renderNotes(progress, options, width, style);
  if (notes !== '') parts.push(notes);
  for (const node of progress.nodes) {
    if (!OVER.has(node.phase) && node.guests.length > 0) parts.push(renderGuests(node, width, style));
  }
  return parts.join('\n\n');
}

function renderHeading(progress: RollProgress, now: Date, style: Style): string {
  const elapsed = Math.max(0, now.getTime() - Date.parse(progress.startedAt));
  const expected = progress.expectedMilliseconds;
  const title = style.strong(progress.cluster === '' ? 'Rolling update' : `Rolling update of ${progress.cluster}`);
  const time = describeMilliseconds(elapsed);
  if (expected <= 0) return `${title} · ${time}`;
  return `${title}\n${renderBar(elapsed / expected, style)} ${time} of about ${describeMilliseconds(expected)}`;
}

function renderBar(share: number, style: Style): string {
  const full = Math.min(BAR, Math.round(share * BAR));
  return style.active('━'.repeat(full)) + style.faint('─'.repeat(BAR - full));
}

function renderNodes(nodes: readonly NodeProgress[], now: Date, width: number, style: Style): string {
  const columns = [{ title: 'Node' }, { title: 'Phase' }, { title: 'For' }, { title: 'Guests', flexible: true }];
  const rows = nodes.map((node) => [
    style.strong(node.node),
    phaseSign(node.phase, style),
    timeOf(node, now),
    summarizeGuests(node),
  ]);
  return renderTable(columns, rows, { width, style });
}

/** Time in the present phase; for a finished node, the time from its first phase to its last. */
function timeOf(node: NodeProgress, now: Date): string {
  const [first] = node.phases;
  const last = node.phases.at(-1);
  if (first === undefined || last === undefined || node.phase === 'waiting') return '';
  if (!OVER.has(node.phase)) return describeMilliseconds(Math.max(0, now.getTime() - Date.parse(last.startedAt)));
  const took = Date.parse(last.startedAt) - Date.parse(first.startedAt);
  return took > 0 ? describeMilliseconds(took) : '';
}

function summarizeGuests({ guests }: NodeProgress): string {
  const at = (...places: GuestProgress['at'][]): number => guests.filter((guest) => places.includes(guest.at)).length;
  const parts = [
    [at('leaving', 'returning'), 'moving'],
    [at('away'), 'away'],
    [at('stopped'), 'stopped'],
    [at('home', 'stays'), 'at home'],
  ] as const;
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, word]) => `${amount} ${word}`)
    .join(', ');
}

function renderGuests(node: NodeProgress, width: number, style: Style): string {
  const columns = [
    { title: `${count(node.guests.length, 'guest')} of ${node.node}` },
    { title: 'State' },
    { title: 'On' },
    { title: 'How', flexible: true },
  ];
  const rows = node.guests.map((guest) => [
    guestName(guest),
    whereaboutsSign(guest.at, style),
    guest.node,
    MOVES[guest.how],
  ]);
  return renderTable(columns, rows, { width, style, indent: '  ' });
}

function renderNotes(progress: RollProgress, options: ProgressOptions, width: number, style: Style): string {
  const { webUiUrl, command = DEFAULT_COMMAND } = options;
  const notes: string[] = [];
  if (progress.paused)
    notes.push(style.caution(`Paused: it holds at its next safe point. Go on with: ${command} resume`));
  if (progress.question !== null) notes.push(renderQuestion(progress.question, command, width, style));
  else if (progress.waitingFor !== null && progress.waitingUntil !== null) {
    notes.push(style.caution(wrap(`Waits for ${progress.waitingFor}. Begin now with: ${command} go-now`, width)));
  } else if (progress.waitingFor !== null && progress.asking) {
    notes.push(style.caution(wrap(`Waits for you: ${progress.waitingFor}. Agree with: ${command} approve`, width)));
  } else if (progress.waitingFor !== null && !progress.paused) {
    notes.push(style.caution(wrap(`Waits for ${progress.waitingFor}`, width)));
  }
  if (webUiUrl) notes.push(`${style.faint('Web UI')}  ${webUiUrl}`);
  return notes.join('\n');
}

function renderQuestion(question: Question, command: string, width: number, style: Style): string {
  const { id, text, options, byDefault, deadline } = question;
  return [
    style.caution(wrap(`Waits for your decision: ${text}`, width)),
    ...options.map((option) =>
      wrap(`  ${command} decide ${id} ${option}  ${style.faint(MEANING[option])}`, width, '      '),
    ),
    wrap(`  Without an answer by ${deadline}: ${byDefault}.`, width, '  '),
  ].join('\n');
}
