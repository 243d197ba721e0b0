import { describeMilliseconds } from '../domain/duration.ts';
import type { FleetReport, HostLine, HostOutcome, WeeklyReport } from '../domain/patch.ts';
import {
  cutList,
  itemsBlock,
  plain,
  type Block,
  type Item,
  type ReportDocument,
  type Section,
  type Text,
} from './document.ts';
import { count, FLEET_OUTCOMES, HOST_OUTCOMES, pointInTime, sentence } from './words.ts';

export interface FleetDocumentOptions {
  /** Entries of a list that are named; the others are counted. */
  readonly longest?: number;
}

/** What a report about the patching of hosts says, and in which order: what somebody has to do before what was done. */
export function fleetDocument(report: FleetReport | WeeklyReport, options: FleetDocumentOptions = {}): ReportDocument {
  const { longest = Infinity } = options;
  const groups = groupsOf(report);
  const lines = linesOf(report);
  const outcome = FLEET_OUTCOMES[report.outcome];
  return {
    title: titleOf(report),
    outcome: { ...outcome, text: `${outcome.text} · ${took(report)}` },
    summary: [sentence(report.reason)],
    facts: factsOf(report, lines),
    sections: [
      ...toMend(lines, longest),
      ...groupsThatWereNotPatched(report),
      ...wantReboot(lines, longest),
      ...keptSnapshots(lines, longest),
      ...warnings(lines, longest),
      ...groups.flatMap((group) => tableOf(group, longest, groups.length > 1)),
      ...notTouched(lines, longest),
      ...keptConffiles(lines, longest),
    ],
  };
}

export function titleOf(report: FleetReport | WeeklyReport): string {
  return 'groups' in report ? `Weekly updates of ${report.cluster}` : `Patching of ${report.name} in ${report.cluster}`;
}

export function groupsOf(report: FleetReport | WeeklyReport): readonly FleetReport[] {
  return 'groups' in report ? report.groups : [report];
}

/** The lines of all groups; a host that is in two has two. */
export function linesOf(report: FleetReport | WeeklyReport): readonly HostLine[] {
  return groupsOf(report).flatMap(({ hosts }) => hosts);
}

function took({ startedAt, endedAt }: FleetReport | WeeklyReport): string {
  return describeMilliseconds(Date.parse(endedAt) - Date.parse(startedAt));
}

function factsOf(report: FleetReport | WeeklyReport, lines: readonly HostLine[]): [string, string][] {
  const unnamed = groupsOf(report).flatMap((group) => Object.values(group.unnamed ?? {}));
  const hosts = lines.length + unnamed.reduce((sum, each) => sum + each, 0);
  const packages = lines.reduce((sum, line) => sum + line.packages, 0);
  const reboots = lines.filter(({ rebooted }) => rebooted).length;
  const [slowest] = lines
    .filter(({ downSeconds }) => downSeconds !== null)
    .toSorted((a, b) => (b.downSeconds ?? 0) - (a.downSeconds ?? 0));
  return [
    ['Began', pointInTime(report.startedAt)],
    ['Ended', pointInTime(report.endedAt)],
    ['Hosts', String(hosts)],
    ['Packages', String(packages)],
    ['Reboots', String(reboots)],
    ...(slowest ? [['Longest away', `${slowest.host}: ${away(slowest)}`] as [string, string]] : []),
  ];
}

/** What a person has to mend. */
function toMend(lines: readonly HostLine[], longest: number): Section[] {
  const bad = (['failed', 'rolled-back'] as const).flatMap((wanted) =>
    lines.filter(({ outcome }) => outcome === wanted),
  );
  if (bad.length === 0) return [];
  const items = bad.map((line): Item => {
    const { host, outcome, reason, remedy } = line;
    const text = outcome === 'rolled-back' ? `↩ ${host}: ${reason}` : `✘ ${host}: ${reason}`;
    const details = remedy === null ? {} : { details: [['To do', remedy] as const] };
    return { text, tone: outcome === 'failed' ? 'bad' : 'caution', ...details };
  });
  const title: Text = { text: `${count(bad.length, 'host')} to look at`, tone: 'bad' };
  return [{ title, blocks: [itemsBlock(items, longest)] }];
}

function wantReboot(lines: readonly HostLine[], longest: number): Section[] {
  const waiting = lines.filter(({ rebootPending }) => rebootPending);
  if (waiting.length === 0) return [];
  const title: Text = { text: `${count(waiting.length, 'host')} to reboot`, tone: 'caution' };
  const text = `${named(waiting, longest)}. Until then what was upgraded there is only partly in use.`;
  return [{ title, blocks: [{ kind: 'text', text }] }];
}

/** Snapshots grow with all that a guest writes: who has to remove one is told so. */
function keptSnapshots(lines: readonly HostLine[], longest: number): Section[] {
  const kept = lines.filter(mustBeFreed);
  const timed = lines.flatMap((line) => (line.snapshot?.until ? [{ line, until: line.snapshot.until }] : []));
  const last = timed
    .map(({ until }) => until)
    .toSorted()
    .at(-1);
  const title: Text =
    kept.length > 0
      ? { text: `${count(kept.length, 'snapshot')} to remove`, tone: 'caution' }
      : plain('Snapshots that are kept for now');
  const blocks: Block[] = [];
  if (kept.length > 0) {
    const text =
      'They stay until you remove them, and grow with all that the guest writes. When you do not need the way back any more, remove them in Proxmox (guest, Snapshots).';
    const items = kept.map(({ host, snapshot }): Item => plain(`${host}: ${snapshot?.name ?? ''}`));
    blocks.push({ kind: 'text', text }, itemsBlock(items, longest));
  }
  if (last !== undefined) {
    const hosts = timed.map(({ line }) => line);
    const text = `${named(hosts, longest)}: removed without your doing, the last one on ${pointInTime(last)}.`;
    blocks.push({ kind: 'text', text });
  }
  return blocks.length === 0 ? [] : [{ title, blocks }];
}

/** Whether a snapshot of the host stays until a person removes it. */
export function mustBeFreed({ snapshot }: HostLine): boolean {
  return snapshot !== null && snapshot.until === null;
}

/** What went well all the same. */
function warnings(lines: readonly HostLine[], longest: number): Section[] {
  const told = lines.flatMap((line) => line.warnings.map((warning) => ({ line, warning })));
  const items = inGroups(told, ({ warning }) => warning).map(([warning, of]): Item => {
    const hosts = of.map(({ line }) => line);
    return { text: `! ${named(hosts, longest)}: ${warning}`, tone: 'caution' };
  });
  return items.length === 0 ? [] : [{ title: plain('Warnings'), blocks: [itemsBlock(items, longest)] }];
}

/** Groups of the weekly updates whose lines do not tell why. */
function groupsThatWereNotPatched(report: FleetReport | WeeklyReport): Section[] {
  if (!('groups' in report)) return [];
  const silent = report.groups.filter(({ outcome, hosts }) => {
    return hosts.length === 0 && outcome !== 'done' && outcome !== 'planned';
  });
  if (silent.length === 0) return [];
  const items = silent.map(({ name, outcome, reason }): Item => {
    return outcome === 'stopped'
      ? { text: `· ${name}: ${reason}`, tone: 'caution' }
      : { text: `✘ ${name}: ${reason}`, tone: 'bad' };
  });
  const tone = silent.some(({ outcome }) => outcome !== 'stopped') ? 'bad' : 'caution';
  return [{ title: { text: 'Groups without a report', tone }, blocks: [itemsBlock(items, Infinity)] }];
}

const TOLD_BELOW: ReadonlySet<HostOutcome> = new Set(['skipped', 'not-started']);

/** A line a host. Where there are too many, those to which nothing happened are counted. */
function tableOf({ name, hosts, unnamed }: FleetReport, longest: number, headed: boolean): Section[] {
  const own = hosts.filter(({ outcome }) => !TOLD_BELOW.has(outcome));
  const all = own.length <= longest;
  const rows = all ? own : own.filter(({ outcome }) => outcome !== 'unchanged');
  const unchanged = own.length - rows.length + (unnamed?.unchanged ?? 0);
  const others = Object.entries(unnamed ?? {}).reduce(
    (sum, [key, amount]) => (key === 'unchanged' ? sum : sum + amount),
    0,
  );
  const { shown, rest } = cutList(rows, longest, others);
  const notes = [...(rest === undefined ? [] : [rest]), ...(unchanged > 0 ? [`${unchanged} unchanged`] : [])];
  if (shown.length === 0 && notes.length === 0) return [];
  const table: Block = {
    kind: 'table',
    columns: [
      { title: 'Host', flexible: true },
      { title: 'Result' },
      { title: 'Packages', align: 'right' },
      { title: 'Rebooted' },
      { title: 'Away', align: 'right' },
    ],
    rows: shown.map((line): Text[] => [
      plain(line.host),
      HOST_OUTCOMES[line.outcome],
      plain(line.packages === 0 ? '–' : String(line.packages)),
      line.rebootPending ? { text: 'still to do', tone: 'caution' } : plain(line.rebooted ? 'yes' : '–'),
      plain(away(line)),
    ]),
    ...(notes.length === 0 ? {} : { rest: notes.join(', ') }),
  };
  return [{ title: plain(headed ? name : ''), blocks: [table] }];
}

function away({ downSeconds }: HostLine): string {
  return downSeconds === null ? '–' : describeMilliseconds(downSeconds * 1_000);
}

/** Hosts that were left alone, by the reason that they share, with what a person does about it. */
function notTouched(lines: readonly HostLine[], longest: number): Section[] {
  const sections: readonly (readonly [HostOutcome, string])[] = [
    ['not-started', 'Not started'],
    ['skipped', 'Skipped'],
  ];
  return sections.flatMap(([outcome, title]): Section[] => {
    const own = lines.filter((line) => line.outcome === outcome);
    if (own.length === 0) return [];
    const alike = inGroups(own, ({ reason, remedy }) => JSON.stringify([reason, remedy]));
    const items = alike.map(([, hosts]): Item => {
      const { reason = '', remedy = null } = hosts[0] ?? {};
      const text = `${named(hosts, longest)}: ${reason}`;
      const details = remedy === null ? {} : { details: [['To do', remedy] as const] };
      return { text, tone: outcome === 'not-started' || remedy !== null ? 'caution' : 'plain', ...details };
    });
    return [{ title: plain(title), blocks: [itemsBlock(items, longest)] }];
  });
}

/** Those of the same key together, in the order of their first. */
function inGroups<T>(list: readonly T[], keyOf: (each: T) => string): [string, T[]][] {
  const found = new Map<string, T[]>();
  for (const each of list) {
    const known = found.get(keyOf(each));
    if (known === undefined) found.set(keyOf(each), [each]);
    else known.push(each);
  }
  return [...found];
}

function keptConffiles(lines: readonly HostLine[], longest: number): Section[] {
  const items = lines
    .filter((line) => line.keptConffiles.length > 0)
    .map((line): Item => plain(`${line.host}: ${line.keptConffiles.join(', ')}`));
  if (items.length === 0) return [];
  const text =
    'The package brought a new version of these files; yours was kept, and the new one lies beside it as *.dpkg-dist.';
  return [
    {
      title: plain('Configuration files that were kept'),
      blocks: [{ kind: 'text', text }, itemsBlock(items, longest)],
    },
  ];
}

function named(lines: readonly HostLine[], longest: number): string {
  const { shown, rest } = cutList(lines, longest);
  return [...shown.map(({ host }) => host), ...(rest === undefined ? [] : [rest])].join(', ');
}
