import type { NodeReport, RollReport } from '../../../domain/report.ts';
import type { OpenUndo } from '../../../domain/undo.ts';
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
  readonly inMaintenance: readonly string[];
}

export function sceneOf(lab: Lab): Scene {
  return {
    places: Object.fromEntries(
      lab.access.guests.map(({ vmid }) => {
        const { running, node } = lab.guest(vmid);
        return [vmid, `${running ? 'running' : 'stopped'} on ${node}`];
      }),
    ),
    inMaintenance: [...lab.cluster.ha.maintenanceRequests],
  };
}

/**
 * What a roll must never have done, however it was disturbed, and did: judged by what the lab saw, not by what the run
 * says. Of the run's own word only this is asked: what it left undone it has to name, with the reason and the remedy.
 */
export function breachesOf(lab: Lab, before: Scene, end: RollEnd): string[] {
  const nodes = end.report?.nodes ?? [];
  const open = nodes.flatMap((node) => node.openUndo);
  return [
    ...lab.monitor.violations(),
    ...lab.schemaViolations,
    ...doneMoreThanOnce(lab),
    ...leftWithoutAWord(before, sceneOf(lab), open),
    ...silentEntries(open),
    ...(end.outcome === 'done' ? unfinished(lab, nodes) : silentFailure(end)),
  ];
}

function doneMoreThanOnce(lab: Lab): string[] {
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
  const named = open.map(({ undo }) => JSON.stringify(undo));
  const says = (pattern: RegExp) => named.some((undo) => pattern.test(undo));
  const guests = Object.entries(before.places)
    .filter(([vmid, place]) => after.places[Number(vmid)] !== place)
    // A guest under HA comes home when the maintenance ends, so that entry speaks for it.
    .filter(([vmid]) => !says(new RegExp(`"vmid":${vmid}\\b`)) && !says(/"kind":"maintenance"/))
    .map(
      ([vmid, place]) => `guest ${vmid} was ${place} and is ${after.places[Number(vmid)]}, which no open undo names`,
    );
  const nodes = after.inMaintenance
    .filter(
      (node) => !before.inMaintenance.includes(node) && !says(new RegExp(`"kind":"maintenance","node":"${node}"`)),
    )
    .map((node) => `${node} was left in maintenance, which no open undo names`);
  return [...guests, ...nodes];
}

function silentEntries(open: readonly OpenUndo[]): string[] {
  return open
    .filter(({ reason, remedy }) => reason.trim() === '' || remedy.trim() === '')
    .map(({ undo }) => `the open undo ${JSON.stringify(undo)} has no reason or no remedy`);
}

function unfinished(lab: Lab, nodes: readonly NodeReport[]): string[] {
  const { upgrades, reboots } = lab.monitor.report();
  return [
    ...lab.access.nodes
      .filter(({ name }) => upgrades[`node/${name}`] !== 1 || reboots[`node/${name}`] !== 1)
      .map(({ name }) => `${name} was not upgraded and rebooted, though the roll is done`),
    ...nodes.flatMap(({ node, openUndo }) =>
      openUndo.map(({ undo }) => `${node} is done with ${undo.kind} still to be undone`),
    ),
  ];
}

function silentFailure({ outcome, message }: RollEnd): string[] {
  return message.trim() === '' ? [`the roll ended as ${outcome} without a word`] : [];
}
