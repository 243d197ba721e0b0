import { listOf, type Report } from './unchecked.ts';

/** What {@link checkPatching} may find. */
export interface UncheckedPatching {
  readonly probes?: unknown;
  readonly windows?: unknown;
  readonly timeZone?: unknown;
  readonly groups?: unknown;
  readonly neverTogether?: unknown;
  readonly weekly?: unknown;
}

interface UncheckedHost {
  readonly name?: unknown;
  readonly groups?: unknown;
  readonly patching?: { readonly probes?: unknown };
}

/** Probes are told from each other by their names, those of all hosts and those of one alike. */
function checkProbeNames(ofAll: unknown, hosts: ReturnType<typeof listOf<UncheckedHost>>, report: Report): void {
  const names = new Set(listOf<{ readonly name?: unknown }>(ofAll).map((probe) => probe?.name));
  hosts.forEach((host, index) => {
    listOf<{ readonly name?: unknown }>(host?.patching?.probes).forEach((probe, position) => {
      if (typeof probe?.name !== 'string' || !names.has(probe.name)) return;
      const path = ['hosts', index, 'patching', 'probes', position, 'name'];
      report(path, 'is that of a probe of all hosts too', 'Give each probe a name of its own.');
    });
  });
}

/** Checks that the groups and hosts that `patching` names are those of the inventory. */
export function checkPatching(
  { patching, hosts }: { readonly patching?: UncheckedPatching; readonly hosts?: unknown },
  report: Report,
): void {
  const inventory = listOf<UncheckedHost>(hosts);
  const names = new Set(inventory.map((host) => host?.name));
  const groups = new Set(inventory.flatMap((host) => listOf<unknown>(host?.groups)));
  const remedyForGroup = 'Correct it, or give the group to a host (hosts.groups).';
  listOf<{ readonly name?: unknown }>(patching?.groups).forEach((group, index, all) => {
    const path = ['patching', 'groups', index, 'name'];
    if (typeof group?.name !== 'string') return;
    if (!groups.has(group.name)) report(path, `is ${group.name}, and no host is in it`, remedyForGroup);
    if (all.findIndex((other) => other?.name === group.name) === index) return;
    report(path, 'is that of another entry too', 'Give each group once.');
  });
  listOf<unknown>(patching?.weekly).forEach((group, index) => {
    if (typeof group !== 'string' || groups.has(group)) return;
    report(['patching', 'weekly', index], `is ${group}, and no host is in it`, remedyForGroup);
  });
  checkProbeNames(patching?.probes, inventory, report);
  listOf<unknown>(patching?.neverTogether).forEach((set, index) => {
    listOf<unknown>(set).forEach((host, position) => {
      if (typeof host !== 'string' || names.has(host)) return;
      report(
        ['patching', 'neverTogether', index, position],
        `is ${host}, which is no host of the configuration`,
        'Write the names of hosts, not of groups.',
      );
    });
  });
}
