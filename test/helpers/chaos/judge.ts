import type { RollReport } from '../../../domain/report.ts';
import type { OpenUndo, Undo } from '../../../domain/undo.ts';
import type { Lab } from '../../../lab/index.ts';

/** How a roll ended by its own word. */
export interface RollEnd {
  readonly outcome: string;
  /** Missing when the run ended before it had one; then it must have touched nothing. */
  readonly report: RollReport | null;
  /** The run's last words, when it failed. */
  readonly message: string;
}

/** What of the cluster a run may change and has to leave as it was. */
export interface Scene {
  /** By vmid: `running on pve1`. */
  readonly places: Readonly<Record<number, string>>;
  /** What a run has to take back before it ends: `pve1 is in maintenance`. */
  readonly traces: readonly string[];
}

/** The part of a lab that the judge looks at. */
export type Judged = Pick<Lab, 'monitor' | 'schemaViolations' | 'cluster'>;

export function sceneOf({ cluster }: Pick<Lab, 'cluster'>): Scene {
  return {
    places: Object.fromEntries(
      [...cluster.guests.values()].map(({ vmid, running, node }) => [
        vmid,
        `${running ? 'running' : 'stopped'} on ${node}`,
      ]),
    ),
    traces: [
      ...[...cluster.ha.maintenanceRequests].map(inMaintenance),
      ...[...cluster.nodes.values()].flatMap(({ name, machine: { pinnedKernel } }) =>
        pinnedKernel === undefined ? [] : pinned(name, pinnedKernel),
      ),
      ...(cluster.ha.disarm ? [HA_DISARMED] : []),
      ...[...(cluster.ceph?.noout ?? [])].map(keptIn),
      ...cluster.backupJobs
        .filter(({ enabled, spec }) => spec.enabled && !enabled)
        .map(({ spec }) => disabled(spec.id)),
    ],
  };
}

const HA_DISARMED = 'HA is disarmed';
const inMaintenance = (node: string) => `${node} is in maintenance`;
const keptIn = (host: string) => `${host} has noout set`;
const pinned = (node: string, kernel: string) => `${node} is pinned to ${kernel}`;
const disabled = (job: string) => `backup job ${job} is disabled`;

/** The trace that stays while an entry is open; null for guests, whose places are compared. */
function traceOf(undo: Undo): string | null {
  switch (undo.kind) {
    case 'maintenance':
      return inMaintenance(undo.node);
    case 'ha-armed':
      return HA_DISARMED;
    case 'ceph-noout':
      return keptIn(undo.node);
    case 'kernel-pin':
      return pinned(undo.node, undo.fallback);
    case 'backup-job':
      return disabled(undo.id);
    case 'guest-away':
    case 'guest-stopped':
      return null;
  }
}

/** What the run says that it left to be undone. */
export function openUndoOf({ report }: RollEnd): OpenUndo[] {
  return (report?.nodes ?? []).flatMap((node) => node.openUndo);
}

/**
 * What a roll must never have done, however it was disturbed, and did: judged by what the lab saw, not by what the run
 * says. Of the run's own word only this is asked: what it left undone it has to name, with the reason and the remedy.
 */
export function breachesOf(lab: Judged, before: Scene, end: RollEnd): string[] {
  const open = openUndoOf(end);
  return [
    ...lab.monitor.violations(),
    ...lab.schemaViolations,
    ...doneMoreThanOnce(lab),
    ...leftWithoutAWord(before, sceneOf(lab), open),
    ...silentEntries(open),
    ...(end.outcome === 'done' ? unfinished(lab, open) : silentFailure(end)),
  ];
}

function doneMoreThanOnce(lab: Judged): string[] {
  const { upgrades, reboots, powerCuts, migrations } = lab.monitor.report();
  return [
    ...over('upgrades', upgrades),
    ...over('reboots', reboots),
    ...Object.keys(powerCuts).map((node) => `${node} lost its power`),
    ...over('moves', tally(migrations.map(({ guest, from, to }) => `${guest} from ${from} to ${to}`))),
  ];
}

function over(what: string, counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 1)
    .map(([subject, count]) => `${count} ${what} of ${subject}`);
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function leftWithoutAWord(before: Scene, after: Scene, open: readonly OpenUndo[]): string[] {
  const entries = open.map(({ undo }) => undo);
  const named = new Set(entries.map(traceOf));
  // Guests under HA come home when the maintenance ends, so its entry speaks for them.
  const namesGuest = (vmid: number) =>
    entries.some((undo) => undo.kind === 'maintenance' || ('vmid' in undo && undo.vmid === vmid));
  const guests = Object.entries(before.places)
    .filter(([vmid, place]) => after.places[Number(vmid)] !== place && !namesGuest(Number(vmid)))
    .map(
      ([vmid, place]) => `guest ${vmid} was ${place} and is ${after.places[Number(vmid)]}, which no open undo names`,
    );
  const traces = after.traces
    .filter((trace) => !before.traces.includes(trace) && !named.has(trace))
    .map((trace) => `${trace}, which no open undo names`);
  return [...guests, ...traces];
}

function silentEntries(open: readonly OpenUndo[]): string[] {
  return open
    .filter(({ reason, remedy }) => reason.trim() === '' || remedy.trim() === '')
    .map(({ undo }) => `the open undo ${JSON.stringify(undo)} has no reason or no remedy`);
}

/** A guest that could not be brought home runs elsewhere, which a roll may end with; with anything else it may not. */
function unfinished(lab: Judged, open: readonly OpenUndo[]): string[] {
  const { upgrades, reboots } = lab.monitor.report();
  return [
    ...[...lab.cluster.nodes.keys()]
      .filter((name) => upgrades[`node/${name}`] !== 1 || reboots[`node/${name}`] !== 1)
      .map((name) => `${name} was not upgraded and rebooted, though the roll is done`),
    ...open
      .filter(({ undo }) => undo.kind !== 'guest-away')
      .map(({ undo }) => `the roll is done with ${undo.kind} still to be undone`),
  ];
}

function silentFailure({ outcome, message }: RollEnd): string[] {
  return message.trim() === '' ? [`the roll ended as ${outcome} without a word`] : [];
}
