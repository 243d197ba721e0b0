/**
 * Quotes one argument for a POSIX shell. Within single quotes every byte stands for itself except the single quote.
 * A shell argument cannot hold NUL, so such a text is refused.
 */
export function quote(argument: string): string {
  if (argument.includes('\0')) throw new Error('A shell argument cannot hold a NUL character. Remove it.');
  if (/^[\w./:=@%+,-]+$/.test(argument)) return argument;
  return `'${argument.replaceAll("'", `'\\''`)}'`;
}

/** Quotes a path for a POSIX shell, in which `~/` at its beginning is the home of who logs in. */
export function quotePath(path: string): string {
  return path.startsWith('~/') ? `"$HOME"/${quote(path.slice(2))}` : quote(path);
}

/** A shell line whose inserted values are each one quoted argument: sh`pct exec ${vmid} -- sh -c ${script}`. */
export function sh(parts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return String.raw({ raw: parts }, ...values.map((value) => quote(String(value))));
}
