/** Say that something failed, which the lines before them say better. */
const GENERAL = /^E: (Sub-process |Some index files failed|Unable to lock directory|Unable to fetch some archives)/;

/**
 * The words of an `apt-get` log that say why it failed, in one line: the packages that dpkg could not process, each with
 * the reason; else the last file that could not be fetched; else the last error. Undefined for an empty log.
 */
export function parseAptFailure(log: string): string | undefined {
  const lines = log.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  const failure =
    packagesInError(lines) ??
    lines.findLast((line) => /^E: Failed to fetch /.test(line)) ??
    lines.findLast((line) => /^(E:|dpkg: error)/.test(line) && !GENERAL.test(line)) ??
    lines.findLast((line) => /^(E:|Err:|Failed)/.test(line)) ??
    lines.at(-1);
  return failure?.trim().replaceAll(/\s+/g, ' ').replace(/[.:]$/, '');
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
