import { parameterError } from '../cluster/errors.ts';

/** What one parameter may be. On the wire everything but JSON bodies is text. */
export interface ParameterSpec {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array';
  readonly optional?: boolean;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: RegExp;
}

export type ParameterSpecs = Readonly<Record<string, ParameterSpec>>;

export type ParameterValue = string | number | boolean | readonly string[];

/** Verified parameters; absent ones are absent. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

const UNKNOWN = 'property is not defined in schema and the schema does not allow additional properties';
const MISSING = 'property is missing and it is not optional';

/**
 * Checks and converts raw parameters the way PVE::JSONSchema does.
 * @throws PveError 400 with one message a parameter
 */
export function verifyParameters(specs: ParameterSpecs, raw: Readonly<Record<string, unknown>>): Parameters {
  const errors: Record<string, string> = {};
  const values: Record<string, ParameterValue> = {};
  for (const [name, value] of Object.entries(raw)) {
    const spec = specs[name];
    const result = spec ? convert(spec, value) : { error: UNKNOWN };
    if ('error' in result) errors[name] = result.error;
    else values[name] = result.value;
  }
  for (const [name, spec] of Object.entries(specs)) {
    if (!spec.optional && raw[name] === undefined) errors[name] = MISSING;
  }
  if (Object.keys(errors).length > 0) throw parameterError(errors);
  return values;
}

type Converted = { readonly value: ParameterValue } | { readonly error: string };

function convert(spec: ParameterSpec, value: unknown): Converted {
  const text = typeof value === 'string' ? value : typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
  switch (spec.type) {
    case 'array':
      return { value: Array.isArray(value) ? value.map(String) : [text] };
    case 'boolean':
      return convertBoolean(text);
    case 'integer':
    case 'number':
      return convertNumber(spec, text);
    case 'string':
      return convertString(spec, text);
  }
}

function convertBoolean(text: string): Converted {
  if (/^(1|on|yes|true)$/i.test(text)) return { value: true };
  if (/^(0|off|no|false)$/i.test(text)) return { value: false };
  return { error: `type check ('boolean') failed - got '${text}'` };
}

function convertNumber(spec: ParameterSpec, text: string): Converted {
  const pattern = spec.type === 'integer' ? /^[+-]?\d+$/ : /^[+-]?\d+(\.\d+)?$/;
  if (!pattern.test(text)) return { error: `type check ('${spec.type}') failed - got '${text}'` };
  const value = Number(text);
  if (spec.minimum !== undefined && value < spec.minimum) {
    return { error: `value must have a minimum value of ${spec.minimum}` };
  }
  if (spec.maximum !== undefined && value > spec.maximum) {
    return { error: `value must have a maximum value of ${spec.maximum}` };
  }
  return { value };
}

function convertString(spec: ParameterSpec, text: string): Converted {
  if (spec.enum && !spec.enum.includes(text)) {
    return { error: `value '${text}' does not have a value in the enumeration '${spec.enum.join(', ')}'` };
  }
  if (spec.pattern && !spec.pattern.test(text)) return { error: 'value does not match the regex pattern' };
  return { value: text };
}

const NODE_NAME = /^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$/;

/** Specs that many routes share. */
export const SPEC = {
  node: { type: 'string', pattern: NODE_NAME },
  vmid: { type: 'integer', minimum: 100, maximum: 999_999_999 },
  text: { type: 'string', optional: true },
  flag: { type: 'boolean', optional: true },
  count: { type: 'integer', optional: true, minimum: 0 },
} as const satisfies Record<string, ParameterSpec>;

/** Typed look-ups of verified parameters. */
export function text(parameters: Parameters, name: string): string {
  return String(parameters[name] ?? '');
}

export function optionalText(parameters: Parameters, name: string): string | undefined {
  return parameters[name] === undefined ? undefined : String(parameters[name]);
}

export function number(parameters: Parameters, name: string, missing: number): number {
  const value = parameters[name];
  return typeof value === 'number' ? value : missing;
}

export function flag(parameters: Parameters, name: string, missing = false): boolean {
  const value = parameters[name];
  return typeof value === 'boolean' ? value : missing;
}
