import { describeMilliseconds } from '../../../domain/duration.ts';
import type { GuardStatus, OutageEvent, OutageProgress } from '../../../domain/outage.ts';
import { clock, eventItem, FATES, PHASES } from '../../../reports/outage-document.ts';
import { describeReading } from '../../../reports/outage-mail.ts';
import { pointInTime } from '../../../reports/words.ts';
import { createStyle, DEFAULT_WIDTH, wrap, type RenderOptions, type Style } from './style.ts';
import { renderTable } from './table.ts';
import { sentence } from './words.ts';

/** What is kept in sight of the log while an outage goes on. */
const LAST_EVENTS = 8;

/** Where an outage, its rehearsal or the return stands. */
export function renderOutage(progress: OutageProgress, options: RenderOptions): string {
  const width = options.width ?? DEFAULT_WIDTH;
  const style = createStyle(options.color);
  const { waitingFor, events } = progress;
  return [
    renderHeading(progress, width, style),
    renderTable(
      [{ title: 'Node' }, { title: 'State' }],
      Object.entries(progress.nodes).map(([node, fate]) => [style.strong(node), paint(FATES[fate], style)]),
      { width, style },
    ),
    ...(waitingFor === null ? [] : [style.caution(wrap(`Waits for ${waitingFor}`, width))]),
    ...(events.length === 0
      ? []
      : [
          events
            .slice(-LAST_EVENTS)
            .map((event) => renderEvent(event, width))
            .join('\n'),
        ]),
  ].join('\n\n');
}

function renderHeading(progress: OutageProgress, width: number, style: Style): string {
  const { cluster, rehearsal, phase, stage, because, onBattery, charge, runtime } = progress;
  const what = style.strong(`${rehearsal ? 'Rehearsal of a power cut' : 'Power cut'} of ${cluster}`);
  const battery = [
    `${describeMilliseconds(onBattery * 1_000)} on battery`,
    ...(charge === null ? [] : [`charge ${Math.round(charge)} %`]),
    ...(runtime === null ? [] : [`${describeMilliseconds(runtime * 1_000)} left`]),
  ].join(', ');
  return [
    `${what} · phase ${PHASES[phase]} · ${STAGES[stage]}`,
    ...(rehearsal ? [] : [battery]),
    ...(because === null ? [] : [wrap(sentence(because), width)]),
  ].join('\n');
}

const STAGES: Readonly<Record<OutageProgress['stage'], string>> = {
  hold: 'all nodes run',
  shed: 'phase 2 is at work',
  final: 'phase 3 is at work',
  halted: 'everything is down, and waits for the mains',
  'mains-back': 'the mains are back',
  restore: 'coming back',
  over: 'over',
};

/** Lines of the log that were not there at the look before. */
export function outageChanges(before: OutageProgress | null, after: OutageProgress): string[] {
  const last = before?.events.at(-1);
  const known = last === undefined ? -1 : after.events.findLastIndex((event) => isSame(event, last));
  const news = after.events.slice(known + 1).map(({ onBattery, text }) => `${clock(onBattery)}  ${text}`);
  const { waitingFor } = after;
  return waitingFor === null || waitingFor === before?.waitingFor ? news : [...news, `waits for ${waitingFor}`];
}

function isSame(one: OutageEvent, other: OutageEvent): boolean {
  return one.at === other.at && one.text === other.text;
}

function renderEvent(event: OutageEvent, width: number): string {
  return wrap(eventItem(event).text, width, '  ');
}

/** What the guard of a UPS says. */
export function renderGuard(status: GuardStatus, options: RenderOptions): string {
  const width = options.width ?? DEFAULT_WIDTH;
  const style = createStyle(options.color);
  const { ups, cluster, verdict, reading, since } = status;
  if (verdict === null) return `${style.strong(ups)} of ${cluster} has not answered yet.`;
  const words = reading === null ? 'no answer yet' : [reading.status.join(' '), describeReading(reading)].join(', ');
  const state = {
    on: style.good('✔ on mains'),
    back: style.caution('! on mains again'),
    out: style.bad('✘ on battery'),
  };
  return [
    `${style.strong(ups)} of ${cluster}  ${state[verdict.mains]}`,
    wrap(`As of ${pointInTime(since)}: ${words}`, width),
    ...(verdict.notYet === null || verdict.mains === 'out'
      ? []
      : [wrap(`After a power cut nodes would not be woken yet: ${verdict.notYet}`, width)]),
    ...verdict.notices.map(({ text }) => style.caution(wrap(`! ${sentence(text)}`, width, '  '))),
  ].join('\n');
}

function paint({ text, tone }: (typeof FATES)[keyof typeof FATES], style: Style): string {
  return tone === 'plain' ? text : style[tone](text);
}
