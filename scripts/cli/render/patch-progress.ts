import { describeMilliseconds } from '../../../domain/duration.ts';
import type { FleetProgress, HostPhase, HostProgress, WeeklyProgress } from '../../../domain/patch.ts';
import { describeOutcomes } from '../../../planning/host-line.ts';
import { FLEET_OUTCOMES } from '../../../reports/words.ts';
import type { ProgressOptions } from './progress.ts';
import { createStyle, DEFAULT_COMMAND, DEFAULT_WIDTH, wrap, type Style } from './style.ts';
import { renderTable } from './table.ts';
import { count } from './words.ts';

/** Where the run of a group stands, with what the runs of its hosts say themselves. */
export interface FleetView {
  readonly progress: FleetProgress;
  /** Hosts in hand whose runs have answered. */
  readonly hosts: readonly HostProgress[];
}

export interface WeeklyView {
  readonly progress: WeeklyProgress;
  /** The group in hand. */
  readonly fleet: FleetView | null;
}

const PHASES: Readonly<Record<HostPhase, string>> = {
  looking: 'looking',
  'waiting-for-its-turn': 'waiting for its turn',
  snapshot: 'snapshot',
  upgrading: 'upgrading',
  'awaiting-reboot': 'about to reboot',
  rebooting: 'rebooting',
  verifying: 'verifying',
  'rolling-back': 'rolling back',
  done: 'done',
};

/** Bad hosts that are shown while a run goes on; its report names all. */
const MOST_SHOWN = 10;

export function renderFleet(view: FleetView, options: ProgressOptions): string {
  const { name, startedAt, dryRun } = view.progress;
  const title = `${dryRun ? 'Looking at' : 'Patching of'} ${name}`;
  return [heading(title, startedAt, options), ...fleetParts(view, options), ...notes(view.progress, options)].join(
    '\n\n',
  );
}

export function renderWeekly({ progress, fleet }: WeeklyView, options: ProgressOptions): string {
  const style = createStyle(options.color);
  const rows = progress.groups.map(({ name, state }) => [style.strong(name), groupState(state, style)]);
  const table = renderTable([{ title: 'Group' }, { title: 'State' }], rows, { width: widthOf(options), style });
  return [
    heading(`Weekly updates of ${progress.cluster}`, progress.startedAt, options),
    ...(rows.length > 0 ? [table] : []),
    ...(fleet === null ? [] : fleetParts(fleet, options)),
    ...notes(progress, options),
  ].join('\n\n');
}

function groupState(state: WeeklyProgress['groups'][number]['state'], style: Style): string {
  if (state === 'waiting') return style.faint('· waiting');
  if (state === 'in-hand') return style.active('● in hand');
  const { text, tone } = FLEET_OUTCOMES[state];
  return tone === 'plain' ? text : style[tone](text);
}

function heading(title: string, startedAt: string, { now, color }: ProgressOptions): string {
  const elapsed = Math.max(0, now.getTime() - Date.parse(startedAt));
  return `${createStyle(color).strong(title)} · ${describeMilliseconds(elapsed)}`;
}

function fleetParts({ progress, hosts }: FleetView, options: ProgressOptions): string[] {
  const style = createStyle(options.color);
  const width = widthOf(options);
  const over = Object.values(progress.over).reduce((sum, amount) => sum + amount, 0);
  const soFar = over === 0 ? '' : `: ${describeOutcomes(progress.over)}`;
  const rows = progress.inHand.map((host) => {
    const own = hosts.find((each) => each.host === host);
    return [style.strong(host), style.active(own ? `● ${PHASES[own.phase]}` : '● in hand'), waitsFor(own)];
  });
  const columns = [{ title: 'Host' }, { title: 'Phase' }, { title: 'Waits for', flexible: true }];
  const asking = hosts.filter(({ phase }) => phase === 'awaiting-reboot').map(({ host }) => host);
  const bad = progress.bad.slice(-MOST_SHOWN);
  return [
    `${progress.name}: ${over} of ${count(progress.hosts, 'host')} over${soFar}`,
    ...(rows.length > 0 ? [renderTable(columns, rows, { width, style })] : []),
    ...(bad.length > 0
      ? [bad.map(({ host, reason }) => style.bad(wrap(`✘ ${host}: ${reason}`, width, '  '))).join('\n')]
      : []),
    ...asking.map((host) => {
      const { command = DEFAULT_COMMAND } = options;
      return style.caution(
        `${host} is about to reboot. Now: ${command} reboot-now ${host}. Not: ${command} skip-reboot ${host}.`,
      );
    }),
  ];
}

function waitsFor(host: HostProgress | undefined): string {
  if (host === undefined || host.waitingFor === null) return '';
  return host.waitingUntil === null ? host.waitingFor : `${host.waitingFor}, until ${host.waitingUntil}`;
}

function notes({ paused, waitingFor }: FleetProgress | WeeklyProgress, options: ProgressOptions): string[] {
  const { command = DEFAULT_COMMAND, webUiUrl } = options;
  const style = createStyle(options.color);
  const lines = [
    ...(paused ? [style.caution(`Paused: no host is begun. Go on with: ${command} resume`)] : []),
    ...(waitingFor === null || paused ? [] : [style.caution(wrap(`Waits for ${waitingFor}`, widthOf(options)))]),
    ...(webUiUrl ? [`${style.faint('Web UI')}  ${webUiUrl}`] : []),
  ];
  return lines.length === 0 ? [] : [lines.join('\n')];
}

function widthOf({ width = DEFAULT_WIDTH }: ProgressOptions): number {
  return width;
}

/** What changed from one look to the next, a line each, for logs and pipes. */
export function fleetChanges(before: FleetView | null, after: FleetView): string[] {
  const known = new Map(before?.hosts.map(({ host, phase }) => [host, phase]));
  const bad = new Set(before?.progress.bad.map(({ host }) => host));
  const soFar = describeOutcomes(after.progress.over);
  return [
    ...after.hosts
      .filter(({ host, phase }) => known.get(host) !== phase)
      .map(({ host, phase }) => `${host}: ${PHASES[phase]}`),
    ...after.progress.bad.filter(({ host }) => !bad.has(host)).map(({ host, reason }) => `${host}: ✘ ${reason}`),
    ...(Object.keys(after.progress.over).length > 0 && soFar !== describeOutcomes(before?.progress.over ?? {})
      ? [`${after.progress.name}: ${soFar}`]
      : []),
    ...stateChanges(before?.progress ?? null, after.progress),
  ];
}

export function weeklyChanges(before: WeeklyView | null, after: WeeklyView): string[] {
  const known = new Map(before?.progress.groups.map(({ name, state }) => [name, state]));
  const groups = after.progress.groups
    .filter(({ name, state }) => state !== (known.get(name) ?? 'waiting'))
    .map(
      ({ name, state }) =>
        `${name}: ${state === 'in-hand' || state === 'waiting' ? state : FLEET_OUTCOMES[state].text}`,
    );
  const same = before?.fleet?.progress.name === after.fleet?.progress.name;
  const fleet = after.fleet === null ? [] : fleetChanges(same ? (before?.fleet ?? null) : null, after.fleet);
  return [...groups, ...fleet, ...stateChanges(before?.progress ?? null, after.progress)];
}

type Steered = Pick<FleetProgress, 'paused' | 'waitingFor'>;

function stateChanges(before: Steered | null, after: Steered): string[] {
  const waits = after.waitingFor !== null && after.waitingFor !== before?.waitingFor && !after.paused;
  return [
    ...(after.paused !== (before?.paused ?? false) ? [after.paused ? 'paused' : 'resumed'] : []),
    ...(waits ? [`waits for ${after.waitingFor}`] : []),
  ];
}
