import { z } from 'zod';
import { nearest } from './did-you-mean.ts';
import type { Problem } from './errors.ts';

export type Path = readonly PropertyKey[];

export interface PathProblem extends Problem {
  readonly path: Path;
}

/** The part of JSON Schema that is needed to say what may stand at a place. */
export interface SchemaPart {
  readonly type?: string;
  readonly description?: string;
  readonly syntax?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaPart>>;
  readonly additionalProperties?: SchemaPart | boolean;
  readonly items?: SchemaPart;
}

/** Input side of `schema` as data, with our own `syntax` on special formats. */
export function describeSchema(schema: z.ZodType): SchemaPart {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as SchemaPart;
}

/**
 * Says zod's issues in words that name the field and what to do.
 *
 * @param checked What was checked, and what to call it as a whole.
 */
export function explainIssues(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  checked: { readonly value: unknown; readonly name: string },
): PathProblem[] {
  const root = describeSchema(schema);
  return issues
    .flatMap((issue) => explainIssue(issue, partAt(root, issue.path), valueAt(checked.value, issue.path)))
    .map((problem) => (problem.path.length === 0 ? { ...problem, field: checked.name } : problem));
}

/** `['cluster', 'nodes', 0, 'name']` → `cluster.nodes[0].name`. */
export function fieldName(path: Path): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text.replace(/^\./, '');
}

function explainIssue(issue: z.core.$ZodIssue, part: SchemaPart | undefined, value: unknown): PathProblem[] {
  const at = (message: string, remedy: string, path: Path = issue.path): PathProblem => ({
    path,
    field: fieldName(path),
    message,
    remedy,
  });
  const meaning = part?.description ?? 'See docs/reference/configuration.md.';
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => at('is not a known key', suggestKey(key, part), [...issue.path, key]));
    case 'custom':
      return [at(value === undefined ? 'is missing' : issue.message, remedyOf(issue))];
    case 'invalid_type':
      if (value === undefined) return [at('is missing', `Add it. ${meaning}`)];
      return [at(`must be ${withArticle(issue.expected)}, not ${nameOf(value)}`, meaning)];
    case 'invalid_value':
      return [at(`must be one of ${issue.values.map(String).join(', ')}`, suggestValue(value, issue.values, meaning))];
    case 'too_small':
      return [at(`must be at least ${amount(issue.minimum, issue.origin)}`, meaning)];
    case 'too_big':
      return [at(`must be at most ${amount(issue.maximum, issue.origin)}`, meaning)];
    case 'invalid_key':
      return [at(issue.issues[0]?.message ?? 'is not a valid key', KEY_REMEDY)];
    default:
      return [at(issue.message, meaning)];
  }
}

/** The only keys that are checked one by one are vmids. */
const KEY_REMEDY = 'Write the number that the Proxmox web interface shows before the name of the guest, such as 210.';

function remedyOf(issue: z.core.$ZodIssueCustom): string {
  const remedy: unknown = issue.params?.['remedy'];
  return typeof remedy === 'string' ? remedy : 'See docs/reference/configuration.md.';
}

function suggestKey(key: string, part: SchemaPart | undefined): string {
  const known = Object.keys(part?.properties ?? {});
  const guess = nearest(key, known);
  return guess === null ? `Known keys here: ${known.join(', ')}.` : `Did you mean ${guess}?`;
}

function suggestValue(value: unknown, known: readonly unknown[], meaning: string): string {
  const guess = typeof value === 'string' ? nearest(value, known.map(String)) : null;
  return guess === null ? meaning : `Did you mean ${guess}?`;
}

function withArticle(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    object: 'a group of keys',
    record: 'a group of keys',
    array: 'a list',
    string: 'text',
    int: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
  };
  return names[expected] ?? expected;
}

function nameOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a group of keys';
  if (typeof value === 'string') return 'text';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value;
}

function amount(limit: number | bigint, origin: string): string {
  return origin === 'array' ? `${limit} ${Number(limit) === 1 ? 'entry' : 'entries'}` : String(limit);
}

function partAt(root: SchemaPart, path: Path): SchemaPart | undefined {
  let part: SchemaPart | undefined = root;
  for (const key of path) {
    const named: SchemaPart | undefined = part?.properties?.[String(key)];
    const other: SchemaPart | boolean | undefined = part?.additionalProperties;
    part = named ?? (typeof key === 'number' ? part?.items : typeof other === 'object' ? other : undefined);
  }
  return part;
}

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
