import type { Fact } from '../domain/condition.ts';

/** Shell function `part NAME COMMAND…`: prints what the command says on both streams, and its exit code. */
export const PART_FUNCTION = `part() { printf '=%s\\n' "$1"; shift; "$@" 2>&1; printf '\\n=rc %s\\n' "$?"; }`;

/** Last line of a script in parts. */
export const END_OF_PARTS = 'echo =end';

/** True when the script came to its end: a host that boots or goes down may take a login and run half of it. */
export function isComplete(output: string): boolean {
  return /\n=end\n?$/.test(output);
}

export interface Part {
  readonly text: string;
  readonly code: number;
}

/** What the parts of a script printed, by name. */
export function splitParts(lines: readonly string[]): ReadonlyMap<string, Part> {
  const parts = new Map<string, Part>();
  let name: string | undefined;
  let text: string[] = [];
  for (const line of lines) {
    const end = /^=rc (\d+)$/.exec(line);
    const begin = /^=([a-z]+)$/.exec(line);
    if (end && name !== undefined) {
      parts.set(name, { text: text.join('\n'), code: Number(end[1]) });
      name = undefined;
    } else if (begin) {
      name = begin[1];
      text = [];
    } else text.push(line);
  }
  return parts;
}

/** A part that ended with 0 or a code that is good as well, else why it says nothing. */
export function factOf<T>(
  found: Part | undefined,
  parse: (text: string) => T,
  alsoGood: readonly number[] = [],
): Fact<T> {
  if (!found) return { unknown: 'it printed nothing' };
  if (found.code !== 0 && !alsoGood.includes(found.code)) {
    return { unknown: `exit code ${found.code}: ${found.text.trim()}` };
  }
  return { value: parse(found.text) };
}
