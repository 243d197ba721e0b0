/** The words of a line as upsd takes it apart (common/parseconf.c); `null` for one that it cannot. */
export function parseLine(line: string): string[] | null {
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|((?:[^\s"\\]|\\.)(?:[^\s\\]|\\.)*))/gy;
  const text = line.trimEnd();
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
