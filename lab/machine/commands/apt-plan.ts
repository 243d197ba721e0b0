import type { Package } from '../packages.ts';
import { dependenciesFirst } from '../dpkg-run.ts';
import type { System } from '../system.ts';

/** What an apt run is going to do. */
export interface AptPlan {
  /** Upgrades and new packages, dependencies first. */
  readonly change: readonly Package[];
  readonly keptBack: readonly Package[];
  readonly remove: readonly Package[];
}

/** `upgrade` installs nothing new and so keeps back what needs something new; `dist-upgrade` takes all that is not held. */
export function planUpgrade(system: System, everything: boolean): AptPlan {
  const pending = system.database.pending();
  const news = new Set(pending.filter((item) => item.installed === undefined).map((item) => item.name));
  const stays = (item: Package) =>
    item.held ||
    (!everything && (news.has(item.name) || (item.published.depends ?? []).some((name) => news.has(name))));
  return {
    change: dependenciesFirst(pending.filter((item) => !stays(item))),
    keptBack: pending.filter((item) => stays(item) && item.installed !== undefined),
    remove: [],
  };
}

/** Named packages and what their new versions need. Throws with apt's words for an unknown name. */
export function planInstall(system: System, names: readonly string[], onlyUpgrade: boolean): AptPlan {
  const wanted = new Map<string, Package>();
  const add = (name: string) => {
    const item = system.database.get(name);
    if (!item || (item.installed === undefined && item.candidate === ''))
      throw new Error(`Unable to locate package ${name}`);
    if (wanted.has(name) || (onlyUpgrade && item.installed === undefined)) return;
    wanted.set(name, item);
    for (const needed of item.published.depends ?? []) if (system.database.get(needed)) add(needed);
  };
  names.forEach(add);
  const pending = system.database.pending();
  const change = pending.filter((item) => wanted.has(item.name));
  return {
    change: dependenciesFirst(change),
    keptBack: pending.filter((item) => !wanted.has(item.name) && item.installed),
    remove: [],
  };
}

export function planAutoremove(system: System): AptPlan {
  const kernels = system.kernels.removable();
  const remove = system.database.all().filter((item) => {
    const { kernel } = item.published;
    return item.installed !== undefined && kernel !== undefined && kernels.includes(kernel);
  });
  return { change: [], keptBack: system.database.pending().filter((item) => item.installed !== undefined), remove };
}

/** The lists and the summary line apt-get prints before it asks. */
export function describePlan(system: System, plan: AptPlan): string {
  const fresh = plan.change.filter((item) => item.installed === undefined);
  const upgraded = plan.change.filter((item) => item.installed !== undefined);
  const unfinished = system.database.unconfigured().length;
  return [
    nameList('The following packages will be REMOVED:', plan.remove),
    nameList('The following NEW packages will be installed:', fresh),
    nameList('The following packages have been kept back:', plan.keptBack),
    nameList('The following packages will be upgraded:', upgraded),
    `${upgraded.length} upgraded, ${fresh.length} newly installed, ${plan.remove.length} to remove and ` +
      `${plan.keptBack.length} not upgraded.\n`,
    unfinished > 0 ? `${unfinished} not fully installed or removed.\n` : '',
  ].join('');
}

function nameList(title: string, packages: readonly Package[]): string {
  if (packages.length === 0) return '';
  const lines: string[] = [];
  let line = '';
  for (const name of packages.map((item) => item.name).sort()) {
    if (line.length + name.length > 76) {
      lines.push(line);
      line = '';
    }
    line += ` ${name}`;
  }
  return `${title}\n${[...lines, line].map((text) => ` ${text}\n`).join('')}`;
}

/** `-s`: what would happen, in the lines scripts parse. */
export function simulate(plan: AptPlan): string {
  const inst = plan.change.map((item) => {
    const old = item.installed === undefined ? '' : ` [${item.installed}]`;
    return `Inst ${item.name}${old} (${item.candidate} ${release(item)} [${item.arch}])\n`;
  });
  const conf = plan.change.map((item) => `Conf ${item.name} (${item.candidate} ${release(item)} [${item.arch}])\n`);
  const remv = plan.remove.map((item) => `Remv ${item.name} [${item.installed ?? ''}]\n`);
  return [...remv, ...inst, ...conf].join('');
}

function release(item: Package): string {
  return item.origin === 'Proxmox' ? 'Proxmox Debian Repository:stable' : `${item.origin}:13.1/stable`;
}
