import { isDuration, toMilliseconds } from '../domain/duration.ts';
import { listOf, type Report } from './unchecked.ts';

/** What {@link checkPower} may find. */
export interface UncheckedPower {
  readonly shed?: {
    readonly nodes?: unknown;
    readonly after?: unknown;
    readonly charge?: unknown;
    readonly runtime?: unknown;
  };
  readonly final?: { readonly after?: unknown; readonly charge?: unknown; readonly runtime?: unknown };
  readonly restore?: { readonly charge?: unknown };
  readonly nodes?: unknown;
}

const DEFAULTS = { shedAfter: 300_000, finalAfter: 900_000, shedCharge: 60, finalCharge: 30, restoreCharge: 40 };

/** Checks that the phases come one after the other, and that the nodes are those of the cluster. */
export function checkPower(
  { power, cluster }: { readonly power?: unknown; readonly cluster?: { readonly nodes?: unknown } },
  report: Report,
): void {
  if (typeof power !== 'object' || power === null) return;
  const { shed, final, restore, nodes } = power as UncheckedPower;
  const known = listOf<{ readonly name?: unknown }>(cluster?.nodes).map((node) => node?.name);
  checkNodes(listOf<unknown>(shed?.nodes), known, report);
  listOf<{ readonly name?: unknown }>(nodes).forEach((node, index, all) => {
    const path = ['power', 'nodes', index, 'name'];
    if (typeof node?.name !== 'string') return;
    if (!known.includes(node.name)) report(path, `is ${node.name}, which is not a configured node`, configured(known));
    if (all.findIndex((other) => other?.name === node.name) !== index) {
      report(path, 'is that of another entry too', 'Give each node once.');
    }
  });
  if (milliseconds(shed?.after, DEFAULTS.shedAfter) >= milliseconds(final?.after, DEFAULTS.finalAfter)) {
    report(['power', 'shed', 'after'], 'is not before power.final.after', 'Let phase 2 begin earlier than phase 3.');
  }
  if (shed?.runtime !== undefined && final?.runtime !== undefined) {
    if (milliseconds(shed.runtime, Infinity) <= milliseconds(final.runtime, 0)) {
      report(
        ['power', 'shed', 'runtime'],
        'is not longer than power.final.runtime',
        'Let phase 2 begin with more runtime left than phase 3.',
      );
    }
  }
  const [shedCharge, finalCharge] = [
    number(shed?.charge, DEFAULTS.shedCharge),
    number(final?.charge, DEFAULTS.finalCharge),
  ];
  if (shedCharge > 0 && shedCharge <= finalCharge) {
    report(
      ['power', 'shed', 'charge'],
      'is not above power.final.charge',
      'Let phase 2 begin with more charge left than phase 3.',
    );
  }
  if (number(restore?.charge, DEFAULTS.restoreCharge) <= finalCharge) {
    report(
      ['power', 'restore', 'charge'],
      'is not above power.final.charge',
      'A node that is woken with less would be shut down again at once.',
    );
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

function milliseconds(value: unknown, otherwise: number): number {
  return typeof value === 'string' && isDuration(value) ? toMilliseconds(value) : otherwise;
}

function number(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
