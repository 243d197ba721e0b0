import { listOf, type Report } from './unchecked.ts';

/** What {@link checkPatching} may find. */
export interface UncheckedPatching {
  readonly windows?: unknown;
  readonly timeZone?: unknown;
  readonly groups?: unknown;
  readonly neverTogether?: unknown;
  readonly weekly?: unknown;
}

/** Checks that the groups and hosts that `patching` names are those of the inventory. */
export function checkPatching(
  { patching, hosts }: { readonly patching?: UncheckedPatching; readonly hosts?: unknown },
  report: Report,
): void {
  const inventory = listOf<{ readonly name?: unknown; readonly groups?: unknown }>(hosts);
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
