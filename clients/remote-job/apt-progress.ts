export interface AptProgress {
  /** Packages apt said it would upgrade or install; 0 until it has said so. */
  readonly total: number;
  /** Packages set up so far. */
  readonly done: number;
  /** The package unpacked or set up last. */
  readonly current: string | undefined;
}

export interface UpgradedPackage {
  readonly name: string;
  /** Undefined for a newly installed package. */
  readonly from: string | undefined;
  readonly to: string;
}

const summary = /^(\d+) upgraded, (\d+) newly installed, (?:(\d+) downgraded, )?/;
// dpkg's words: `Unpacking name:arch (new) over (old) ...`, `Setting up name:arch (version) ...`
const unpacking = /^Unpacking (\S+?)(?::\S+)? \(([^)]+)\)(?: over \(([^)]+)\))?/;
const settingUp = /^Setting up (\S+?)(?::\S+)? \(([^)]+)\)/;

/** Reads how far an `apt-get` run is from its log, which may be cut anywhere. */
export function parseAptProgress(log: string): AptProgress {
  let total = 0;
  let current: string | undefined;
  const done = new Set<string>();
  for (const line of linesOf(log)) {
    const counts = summary.exec(line);
    if (counts !== null) total = Number(counts[1]) + Number(counts[2]) + Number(counts[3] ?? 0);
    const started = unpacking.exec(line);
    const finished = settingUp.exec(line);
    current = finished?.[1] ?? started?.[1] ?? current;
    if (finished?.[1] !== undefined) done.add(finished[1]);
  }
  return { total, done: done.size, current };
}

/** The packages a log shows as set up, each with the version it replaced. */
export function parseUpgradedPackages(log: string): readonly UpgradedPackage[] {
  const replaced = new Map<string, string | undefined>();
  const upgraded = new Map<string, UpgradedPackage>();
  for (const line of linesOf(log)) {
    const [, unpacked, , from] = unpacking.exec(line) ?? [];
    if (unpacked !== undefined) replaced.set(unpacked, from);
    const [, name, to] = settingUp.exec(line) ?? [];
    if (name !== undefined && to !== undefined) upgraded.set(name, { name, from: replaced.get(name), to });
  }
  return [...upgraded.values()];
}

/** The packages a log shows as removed and not set up again after it. */
export function parseRemovedPackages(log: string): readonly string[] {
  const removed = new Set<string>();
  for (const line of linesOf(log)) {
    const gone = /^Removing (\S+?)(?::\S+)? \([^)]+\)/.exec(line)?.[1];
    const back = settingUp.exec(line)?.[1];
    if (gone !== undefined) removed.add(gone);
    if (back !== undefined) removed.delete(back);
  }
  return [...removed];
}

/**
 * Configuration files that dpkg left as the administrator had them; the package's version lies beside, as `.dpkg-dist`.
 * The words are those of `LC_ALL=C`.
 */
export function parseKeptConffiles(log: string): readonly string[] {
  const kept = new Set<string>();
  let asked: string | undefined;
  for (const line of linesOf(log)) {
    asked = /^Configuration file '(.+)'/.exec(line)?.[1] ?? asked;
    if (asked !== undefined && /^ ==> (Keeping old config file|Using current old file)/.test(line)) kept.add(asked);
  }
  return [...kept];
}

/** apt redraws its progress with carriage returns and colors when it believes to be on a terminal. */
function linesOf(log: string): readonly string[] {
  // eslint-disable-next-line no-control-regex -- escape sequences start with a control character
  return log.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, '').split(/[\r\n]+/);
}
