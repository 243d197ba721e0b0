import { isDuration, toMilliseconds, type Duration } from '../domain/duration.ts';
import { powerClientsSchema } from './power-clients-schema.ts';
import { powerSchema } from './power-schema.ts';
import { listOf, type Report } from './unchecked.ts';

/** What {@link checkPower} may find. */
export interface UncheckedPower {
  readonly ups?: { readonly interval?: unknown; readonly timeout?: unknown; readonly watts?: unknown };
  readonly shed?: {
    readonly nodes?: unknown;
    readonly after?: unknown;
    readonly charge?: unknown;
    readonly runtime?: unknown;
  };
  readonly final?: {
    readonly after?: unknown;
    readonly charge?: unknown;
    readonly runtime?: unknown;
    readonly blind?: unknown;
  };
  readonly restore?: { readonly charge?: unknown };
  readonly confirm?: unknown;
  readonly timeouts?: { readonly yield?: unknown };
  readonly nodes?: unknown;
  readonly clients?: { readonly pollInterval?: unknown; readonly deadTime?: unknown };
}

/** What counts where nothing is written. */
const DEFAULTS = powerSchema.parse({ ups: { name: 'ups', host: 'localhost' } });
const CLIENT_DEFAULTS = powerClientsSchema.parse({ user: 'nodes', password: { env: 'PASSWORD' } });

/** Milliseconds. What the UPS said longer ago is not of this moment. */
const LONGEST_LOOK = 5_000;

/** Milliseconds. With less runtime than this left phase 3 begins in any case, where its own is not configured. */
const LEAST_FINAL_RUNTIME = 300_000;

/** Checks that the phases come one after the other, and that the nodes are those of the cluster. */
export function checkPower(
  { power, cluster }: { readonly power?: unknown; readonly cluster?: { readonly nodes?: unknown } },
  report: Report,
): void {
  if (typeof power !== 'object' || power === null) return;
  const { ups, shed, nodes } = power as UncheckedPower;
  checkUps(ups, report);
  const known = listOf<{ readonly name?: unknown }>(cluster?.nodes).map((node) => node?.name);
  checkNodes(listOf<unknown>(shed?.nodes), known, report);
  checkClients(power, report);
  checkWatts(power, report);
  listOf<{ readonly name?: unknown }>(nodes).forEach((node, index, all) => {
    const path = ['power', 'nodes', index, 'name'];
    if (typeof node?.name !== 'string') return;
    if (!known.includes(node.name)) report(path, `is ${node.name}, which is not a configured node`, configured(known));
    if (all.findIndex((other) => other?.name === node.name) !== index) {
      report(path, 'is that of another entry too', 'Give each node once.');
    }
  });
  checkPhases(power, report);
}

function checkPhases({ shed, final, restore, confirm, timeouts }: UncheckedPower, report: Report): void {
  const finalAfter = milliseconds(final?.after, DEFAULTS.final.after);
  const finalCharge = number(final?.charge, DEFAULTS.final.charge);
  const blip = milliseconds(confirm, DEFAULTS.confirm);
  // Without nodes to shed there is no phase 2.
  const sheds = listOf<unknown>(shed?.nodes).length > 0;
  const shedAfter = milliseconds(shed?.after, DEFAULTS.shed.after);
  if (sheds && shedAfter >= finalAfter) {
    report(['power', 'shed', 'after'], 'is not before power.final.after', 'Let phase 2 begin earlier than phase 3.');
  } else if (sheds && milliseconds(timeouts?.yield, DEFAULTS.timeouts.yield) >= finalAfter - shedAfter) {
    report(
      ['power', 'timeouts', 'yield'],
      'is not shorter than the time from power.shed.after to power.final.after',
      'Make it shorter: it would hold up phase 3 as well.',
    );
  }
  const first = sheds ? 'shed' : 'final';
  if (blip >= (sheds ? shedAfter : finalAfter)) {
    report(
      ['power', 'confirm'],
      `is not shorter than power.${first}.after`,
      'Make it shorter: no phase begins before an outage is told from a blip.',
    );
  }
  if (sheds) checkShedNeed(shed, final, report);
  if (finalCharge > 0 && number(restore?.charge, DEFAULTS.restore.charge) <= finalCharge) {
    report(
      ['power', 'restore', 'charge'],
      'is not above power.final.charge',
      'A node that is woken with less would be shut down again at once.',
    );
  }
}

/** What begins phase 2 early has to come before what begins phase 3 early. */
function checkShedNeed(shed: UncheckedPower['shed'], final: UncheckedPower['final'], report: Report): void {
  const charge = number(shed?.charge, DEFAULTS.shed.charge);
  if (charge > 0 && charge <= number(final?.charge, DEFAULTS.final.charge)) {
    report(
      ['power', 'shed', 'charge'],
      'is not above power.final.charge',
      'Let phase 2 begin with more charge left than phase 3.',
    );
  }
  if (milliseconds(shed?.runtime, Infinity) <= milliseconds(final?.runtime, LEAST_FINAL_RUNTIME)) {
    report(
      ['power', 'shed', 'runtime'],
      final?.runtime === undefined
        ? 'is not longer than the 5 minutes with which phase 3 begins at the latest'
        : 'is not longer than power.final.runtime',
      'Let phase 2 begin with more runtime left than phase 3.',
    );
  }
}

/** A node must not take a slow answer for a dead UPS, nor go before Caretaker does. */
function checkClients({ clients, final }: UncheckedPower, report: Report): void {
  if (clients === undefined) return;
  const deadTime = milliseconds(clients.deadTime, CLIENT_DEFAULTS.deadTime);
  if (deadTime < 3 * milliseconds(clients.pollInterval, CLIENT_DEFAULTS.pollInterval)) {
    report(
      ['power', 'clients', 'deadTime'],
      'is less than three looks (power.clients.pollInterval)',
      'Make it longer: one lost answer must not count as a dead UPS.',
    );
  }
  if (deadTime <= milliseconds(final?.blind, DEFAULTS.final.blind)) {
    report(
      ['power', 'clients', 'deadTime'],
      'is not longer than power.final.blind',
      'Make it longer: nodes that go by themselves before Caretaker shuts them down go in no order.',
    );
  }
}

function checkUps(ups: UncheckedPower['ups'], report: Report): void {
  for (const key of ['interval', 'timeout'] as const) {
    if (milliseconds(ups?.[key], 0) <= LONGEST_LOOK) continue;
    report(['power', 'ups', key], 'is longer than 5 seconds', 'In a power cut that is too late: give 1 to 5 seconds.');
  }
}

function checkWatts({ ups, nodes }: UncheckedPower, report: Report): void {
  const drawn = listOf<{ readonly watts?: unknown }>(nodes).reduce((sum, node) => sum + number(node?.watts, 0), 0);
  if (drawn === 0) return;
  if (ups?.watts === undefined) {
    report(['power', 'ups', 'watts'], 'is missing, and power.nodes[].watts is given', 'Give what everything draws.');
  } else if (drawn > number(ups.watts, Infinity)) {
    report(['power', 'ups', 'watts'], `is less than the nodes draw (${drawn})`, 'Give what everything draws.');
  }
}

function checkNodes(shed: readonly unknown[], known: readonly unknown[], report: Report): void {
  shed.forEach((name, index) => {
    const path = ['power', 'shed', 'nodes', index];
    if (typeof name !== 'string') return;
    if (shed.indexOf(name) !== index) return report(path, `names ${name} a second time`, 'Give each node once.');
    if (!known.includes(name)) report(path, `is ${name}, which is not a configured node`, configured(known));
  });
  if (shed.length > 0 && known.length > 0 && known.every((name) => shed.includes(name))) {
    report(
      ['power', 'shed', 'nodes'],
      'names every node, and phase 2 must leave one',
      'Leave out the node that shall run until phase 3.',
    );
  }
}

function configured(names: readonly unknown[]): string {
  return `Configured nodes: ${names.filter((name) => typeof name === 'string').join(', ') || 'none'}.`;
}

function milliseconds(value: unknown, otherwise: Duration | number): number {
  if (typeof value === 'string' && isDuration(value)) return toMilliseconds(value);
  return typeof otherwise === 'number' ? otherwise : toMilliseconds(otherwise);
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
