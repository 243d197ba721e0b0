/** Say that something failed, which the lines before them say better. */
const GENERAL =
  /^E: (Sub-process |Some index files failed|Unable to (lock directory|lock the download directory|fetch some archives))/;

/** apt's words for a lock that somebody else has; before 2.0 it does not know who. */
const HELD = /Could not get lock \S+ It is held by process (\d+) \((.+?)\)/;

/** Who holds the lock that the end of an `apt-get` log waits for: `process 1423 (apt-get)`. Undefined if it waits for none. */
export function parseLockHolder(log: string): string | undefined {
  return holderIn(linesOf(log).slice(-2));
}

function holderIn(lines: readonly string[]): string | undefined {
  const [, pid, program] = HELD.exec(lines.findLast((line) => HELD.test(line)) ?? '') ?? [];
  return pid === undefined ? undefined : `process ${pid} (${program})`;
}

/**
 * The words of an `apt-get` log that say why it failed, in one line: the packages that dpkg could not process, each with
 * the reason; else the last file that could not be fetched; else the last error. Undefined for an empty log.
 */
export function parseAptFailure(log: string): string | undefined {
  const lines = linesOf(log);
  const failure =
    packagesInError(lines) ??
    lockNeverGot(lines) ??
    lines.findLast((line) => /^E: Failed to fetch /.test(line)) ??
    lines.findLast((line) => /^(E:|dpkg: error)/.test(line) && !GENERAL.test(line)) ??
    lines.findLast((line) => /^(E:|Err:|Failed)/.test(line)) ??
    lines.at(-1);
  return failure?.trim().replaceAll(/\s+/g, ' ').replace(/[.:]$/, '');
}

function linesOf(log: string): string[] {
  return log.split(/[\r\n]+/).filter((line) => line.trim() !== '');
}

/** apt says who holds the lock while it waits, and no more when it gives up. */
function lockNeverGot(lines: readonly string[]): string | undefined {
  const [, givenUp] = /^(E: Unable to acquire the dpkg frontend lock \(\S+\))/.exec(lines.at(-1) ?? '') ?? [];
  const holder = holderIn(lines);
  return givenUp === undefined || holder === undefined ? undefined : `${givenUp}, which is held by ${holder}`;
}

/** dpkg names the package in one line and the reason, indented, in the next. */
function packagesInError(lines: readonly string[]): string | undefined {
  const errors = lines.flatMap((line, index) => {
    const name = /^dpkg: error processing (?:package|archive) (\S+) \(--[a-z]+\):/.exec(line)?.[1];
    return name === undefined ? [] : [{ name, reason: (lines[index + 1] ?? '').trim() }];
  });
  // What depends on a package in error is in error as well, and not the cause.
  const causes = errors.filter(({ reason }) => !reason.startsWith('dependency problems'));
  const told = new Set((causes.length > 0 ? causes : errors).map(({ name, reason }) => `${name}: ${reason}`));
  return told.size === 0 ? undefined : [...told].join('; ');
}
