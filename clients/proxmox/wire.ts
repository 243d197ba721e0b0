/**
 * Reads what the API sends into plain TypeScript values, in one place: booleans come as 0 and 1, numbers sometimes as
 * strings, lists of names as `a,b` or `a;b`, and absent keys are common.
 */

export type Raw = Readonly<Record<string, unknown>>;

/** Thrown when an answer has another shape than the API documents. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

export function record(value: unknown, what: string): Raw {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Raw;
  throw new WireError(`the ${what} is not an object`);
}

export function optionalRecord(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {};
}

export function list(value: unknown, what: string): readonly Raw[] {
  if (!Array.isArray(value)) throw new WireError(`the ${what} is not a list`);
  return value.map((item) => record(item, `${what} entry`));
}

export function optionalList(value: unknown): readonly Raw[] {
  return Array.isArray(value) ? value.map(optionalRecord) : [];
}

export function text(value: unknown): string {
  const found = optionalText(value);
  if (found === undefined) throw new WireError('a text is missing');
  return found;
}

export function optionalText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

export function flag(value: unknown): boolean {
  return optionalFlag(value) ?? false;
}

export function optionalFlag(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  return value === true || value === 1 || value === '1';
}

export function count(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const parsed = Number(value);
  return Number.isNaN(parsed) ? undefined : parsed;
}

/** Names in a list, in a text separated by comma, semicolon or space, or as the keys of an object. */
export function names(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map((item) => text(item));
  if (typeof value === 'object' && value !== null) return Object.keys(value);
  return typeof value === 'string' ? value.split(/[,;\s]+/).filter((name) => name !== '') : [];
}

/** A property string such as `order=1,up=30`; a part without `=` is kept under the empty key. */
export function properties(value: unknown): ReadonlyMap<string, string> {
  const parts = typeof value === 'string' ? value.split(',') : [];
  return new Map(
    parts.map((part) => {
      const cut = part.indexOf('=');
      return cut < 0 ? ['', part.trim()] : [part.slice(0, cut).trim(), part.slice(cut + 1).trim()];
    }),
  );
}
