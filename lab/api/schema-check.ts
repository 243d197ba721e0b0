import { readFileSync } from 'node:fs';
import type { EventLog } from '../core/event-log.ts';
import type { Parameters } from './parameters.ts';
import type { Route } from './route.ts';

/** The part of Proxmox's JSON schema dialect that the check understands. */
interface Schema {
  readonly type?: string;
  /** The name of a format, or the description of a property string (`type=secure,network=…`). */
  readonly format?: unknown;
  readonly enum?: readonly unknown[];
  readonly optional?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: number | boolean | Schema;
  readonly items?: Schema;
}

interface Endpoint {
  readonly method: string;
  readonly path: string;
  readonly parameters: Readonly<Record<string, Schema>>;
  readonly required: readonly string[];
  readonly returns?: Schema;
}

/**
 * Holds every request the lab accepts and every response it sends against a description of the real API. Violations do
 * not change the answer; they are collected for tests to look at.
 */
export class SchemaCheck {
  readonly violations: string[] = [];
  readonly #endpoints: ReadonlyMap<string, Endpoint>;
  readonly #log: EventLog;

  constructor(file: string, log: EventLog) {
    const { endpoints } = JSON.parse(readFileSync(file, 'utf8')) as { endpoints: readonly Endpoint[] };
    this.#endpoints = new Map(endpoints.map((endpoint) => [`${endpoint.method} ${endpoint.path}`, endpoint]));
    this.#log = log;
  }

  request(route: Route, parameters: Parameters): void {
    const endpoint = this.#endpoint(route);
    if (!endpoint) return this.#report(route, 'no such endpoint');
    for (const name of endpoint.required) {
      if (parameters[name] === undefined) this.#report(route, `request: ${name}: missing`);
    }
    for (const [name, value] of Object.entries(parameters)) {
      const schema = property(endpoint.parameters, name);
      if (!schema) this.#report(route, `request: ${name}: not a parameter`);
      else this.#check(route, `request: ${name}`, schema, typeof value === 'boolean' ? Number(value) : value);
    }
  }

  response(route: Route, data: unknown): void {
    const schema = this.#endpoint(route)?.returns;
    if (schema) this.#check(route, 'response', schema, data ?? null);
  }

  #endpoint(route: Route): Endpoint | undefined {
    return this.#endpoints.get(`${route.method} ${route.path}`);
  }

  #report(route: Route, problem: string): void {
    const violation = `${route.method} ${route.path}: ${problem}`;
    this.violations.push(violation);
    this.#log.record('lab', 'schema.violation', 'cluster', { violation });
  }

  #check(route: Route, at: string, schema: Schema, value: unknown): void {
    const problem = typeProblem(schema, value);
    if (problem) return this.#report(route, `${at}: ${problem}`);
    if (Array.isArray(value)) {
      const { items } = schema;
      if (items) value.forEach((item, index) => this.#check(route, `${at}[${index}]`, items, item));
    } else if (typeof value === 'object' && value !== null && schema.properties) {
      this.#checkObject(route, at, schema, value as Record<string, unknown>);
    }
  }

  #checkObject(route: Route, at: string, schema: Schema, value: Record<string, unknown>): void {
    const properties = schema.properties ?? {};
    for (const [name, inner] of Object.entries(properties)) {
      if (!inner.optional && !name.includes('[n]') && value[name] === undefined) {
        this.#report(route, `${at}.${name}: missing`);
      }
    }
    for (const [name, item] of Object.entries(value)) {
      if (item === undefined) continue;
      const inner = property(properties, name);
      if (inner) this.#check(route, `${at}.${name}`, inner, item);
      else if (schema.additionalProperties === 0 || schema.additionalProperties === false) {
        this.#report(route, `${at}.${name}: unknown property`);
      }
    }
  }
}

/** `net0` is described as `net[n]`. */
function property(properties: Readonly<Record<string, Schema>>, name: string): Schema | undefined {
  return properties[name] ?? properties[name.replace(/\d+$/, '[n]')];
}

function typeProblem(schema: Schema, value: unknown): string | undefined {
  if (schema.enum && !schema.enum.map(String).includes(String(value))) {
    return `${JSON.stringify(value)} is not one of ${schema.enum.map(String).join(', ')}`;
  }
  // Property strings of datacenter.cfg are answered parsed, though described as the strings they are set by.
  if (typeof schema.format === 'object' && hasType('object', value)) return undefined;
  return schema.type === undefined || hasType(schema.type, value)
    ? undefined
    : `${JSON.stringify(value)?.slice(0, 80)} is not of type ${schema.type}`;
}

function hasType(type: string, value: unknown): boolean {
  switch (type) {
    case 'string':
      // Perl does not tell numbers and strings apart; Proxmox sends either for a string.
      return typeof value === 'string' || typeof value === 'number';
    case 'integer':
      return typeof value === 'number' ? Number.isInteger(value) : /^-?\d+$/.test(String(value));
    case 'number':
      return typeof value === 'number' || (typeof value === 'string' && value !== '' && !Number.isNaN(Number(value)));
    case 'boolean':
      return value === 0 || value === 1;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'null':
      return value === null;
    default:
      return true;
  }
}
