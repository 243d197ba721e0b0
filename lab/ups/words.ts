/**
 * The words of a line as upsd takes it apart (common/parseconf.c): `#` after a blank begins a comment, in quotes as well.
 * `null` for a line that does not end where it seems to, which upsd goes on waiting for.
 */
export function parseLine(line: string): string[] | null {
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|((?:[^\s"\\]|\\.)(?:[^\s\\]|\\.)*))/gy;
  const text = line.replace(/(^|\s)#.*$/, '').trimEnd();
  const words: string[] = [];
  while (pattern.lastIndex < text.length) {
    const found = pattern.exec(text);
    if (found === null) return null;
    words.push((found[1] ?? found[2] ?? '').replaceAll(/\\(.)/g, '$1'));
  }
  return words;
}

/** A value in an answer; upsd puts `\` before its comment sign as well. */
export function quoted(value: string): string {
  return `"${value.replaceAll(/[#"\\]/g, '\\$&')}"`;
}
