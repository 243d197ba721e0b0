import { z } from 'zod';
import { toMilliseconds } from '../domain/duration.ts';
import type { Probe } from '../domain/probe.ts';
import { address, duration, httpUrl, regularExpression, secretRef } from './formats.ts';

const port = z.int().min(1).max(65_535);
const label = z.string().min(1);

const fields = {
  name: label.describe('Name for people; no other probe has it.'),
  kind: z
    .enum(['tcp', 'http', 'prometheus'])
    .describe(
      '`tcp`: `host` and `port` take a connection. `http`: `url` gives the expected answer. `prometheus`: no alert fires on the server at `url`.',
    ),
  host: address.exactOptional().describe('For `tcp`: host name or IP address.'),
  port: port.exactOptional().describe('For `tcp`: port.'),
  url: httpUrl.exactOptional().describe('For `http`: what is fetched. For `prometheus`: address of the server.'),
  expectStatus: z.int().min(100).max(599).exactOptional().describe('For `http`: status code; 200 unless given.'),
  expectText: label.exactOptional().describe('For `http`: text that the answer holds.'),
  ignoreAlerts: z
    .array(regularExpression)
    .readonly()
    .exactOptional()
    .describe('For `prometheus`: regular expressions for whole names of alerts that do not count, such as `Watchdog`.'),
  severity: z
    .array(label)
    .min(1)
    .readonly()
    .exactOptional()
    .describe(
      'For `prometheus`: values of the label `severity` that count; all unless given. Alerts without it count.',
    ),
  credentials: label.exactOptional().describe('Name of the entry of `credentials` that is sent along.'),
  timeout: duration.default('10 seconds').describe('Longest time for an answer; none is a bad one.'),
} satisfies Record<keyof Probe, z.ZodType>;

/** Three tries have to fit into one activity. */
const LONGEST_TIMEOUT_MS = 30_000;

const NEEDED = { tcp: ['host', 'port'], http: ['url'], prometheus: ['url'] } as const;
const ONLY_FOR: Readonly<Partial<Record<keyof Probe, readonly Probe['kind'][]>>> = {
  host: ['tcp'],
  port: ['tcp'],
  url: ['http', 'prometheus'],
  expectStatus: ['http'],
  expectText: ['http'],
  ignoreAlerts: ['prometheus'],
  severity: ['prometheus'],
  credentials: ['http', 'prometheus'],
};

const probe = z.strictObject(fields).check(({ value, issues }) => {
  const wrong = (key: string, message: string, remedy: string) =>
    issues.push({
      code: 'custom',
      input: (value as Record<string, unknown>)[key],
      path: [key],
      message,
      params: { remedy },
    });
  for (const key of NEEDED[value.kind]) {
    if (value[key] === undefined) wrong(key, 'is missing', `Add it: a probe of kind ${value.kind} needs it.`);
  }
  if (toMilliseconds(value.timeout) > LONGEST_TIMEOUT_MS) {
    wrong('timeout', 'is too long', 'Write at most 30 seconds; a service that needs longer is given a soak time.');
  }
  for (const [key, kinds] of Object.entries(ONLY_FOR)) {
    if (key in value && !kinds.includes(value.kind)) {
      wrong(key, `means nothing to a probe of kind ${value.kind}`, `Remove it; it is for ${kinds.join(' and ')}.`);
    }
  }
});

export const probesSchema = z
  .array(probe)
  .readonly()
  .check(({ value, issues }) => {
    value.forEach(({ name }, index) => {
      if (value.findIndex((other) => other.name === name) === index) return;
      const remedy = 'Give each probe a name of its own.';
      issues.push({
        code: 'custom',
        input: name,
        path: [index, 'name'],
        message: 'is the name of another probe',
        params: { remedy },
      });
    });
  });

export const credentialsSchema = z.array(
  z
    .strictObject({
      name: label.describe('Name by which probes refer to it.'),
      url: httpUrl.describe('Scheme, host and port to which it may be sent; a path does not matter.'),
      token: secretRef.exactOptional().describe('Bearer token.'),
      user: label.exactOptional().describe('User name for basic authentication.'),
      password: secretRef.exactOptional().describe('Password for basic authentication.'),
    })
    .check(({ value, issues }) => {
      const basic = value.user !== undefined && value.password !== undefined;
      if ((value.token !== undefined) !== basic && (value.user === undefined) === (value.password === undefined))
        return;
      const message = 'must have either a token, or a user with a password';
      const remedy = 'Keep token alone, or user and password.';
      issues.push({ code: 'custom', input: value, path: [], message, params: { remedy } });
    }),
);

export type CredentialConfig = z.output<typeof credentialsSchema>[number];
