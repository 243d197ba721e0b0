import { z } from 'zod';
import { toMilliseconds } from '../domain/duration.ts';
import { isShellProbe, SHELL_PROBES, type Probe } from '../domain/probe.ts';
import { address, duration, httpUrl, regularExpression, secretRef, unitName } from './formats.ts';

const port = z.int().min(1).max(65_535);
const label = z.string().min(1);

const fields = {
  name: label.describe('Name for people; no other probe has it.'),
  kind: z
    .enum(['tcp', 'http', 'dns', 'prometheus', ...SHELL_PROBES])
    .describe(
      '`tcp`: `host` and `port` take a connection. `http`: `url` gives the expected answer. `dns`: `host` resolves `query`. `prometheus`: no alert fires on the server at `url`. For hosts also `systemd`: `unit` is active, or no unit has failed; `docker`: `container`, or every one that runs, is not unhealthy; `command`: it ends with 0.',
    ),
  host: address
    .exactOptional()
    .describe('For `tcp` and `dns`: host name or IP address. Of a host that is patched its own address unless given.'),
  port: port.exactOptional().describe('For `tcp`: port. For `dns`: 53 unless given.'),
  query: address.exactOptional().describe('For `dns`: the name that is asked for, such as `pve.example.org`.'),
  unit: unitName.exactOptional().describe('For `systemd`: name of the unit; without it no unit may have failed.'),
  container: label
    .exactOptional()
    .describe('For `docker`: name of the container; without it every one that runs is looked at.'),
  command: label
    .exactOptional()
    .describe('For `command`: a line of sh that is run on the host as the account with which it is patched.'),
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

const NEEDED: Readonly<Partial<Record<Probe['kind'], readonly (keyof Probe)[]>>> = {
  tcp: ['host', 'port'],
  http: ['url'],
  dns: ['host', 'query'],
  prometheus: ['url'],
  command: ['command'],
};
const ONLY_FOR: Readonly<Partial<Record<keyof Probe, readonly Probe['kind'][]>>> = {
  host: ['tcp', 'dns'],
  port: ['tcp', 'dns'],
  query: ['dns'],
  unit: ['systemd'],
  container: ['docker'],
  command: ['command'],
  url: ['http', 'prometheus'],
  expectStatus: ['http'],
  expectText: ['http'],
  ignoreAlerts: ['prometheus'],
  severity: ['prometheus'],
  credentials: ['http', 'prometheus'],
};

/**
 * What is asked about: the cluster, one host that is patched, or every such host, which gives them its address and its shell.
 */
type Subject = 'cluster' | 'host' | 'every-host';

/** What says where a service is; of every host only the host itself may be asked. */
const ELSEWHERE = ['host', 'url'] as const;

function probesSchemaOf(subject: Subject) {
  const ofHost = subject !== 'cluster';
  const probe = z.strictObject(fields).check(({ value, issues }) => {
    const wrong = (key: string, message: string, remedy: string) =>
      issues.push({
        code: 'custom',
        input: (value as Record<string, unknown>)[key],
        path: [key],
        message,
        params: { remedy },
      });
    for (const key of NEEDED[value.kind] ?? []) {
      if (value[key] !== undefined || (ofHost && key === 'host')) continue;
      wrong(key, 'is missing', `Add it: a probe of kind ${value.kind} needs it.`);
    }
    if (!ofHost && isShellProbe(value)) {
      wrong('kind', 'is one for hosts', 'Put it into `patching.probes` or the `patching.probes` of a host.');
    }
    for (const key of subject === 'every-host' ? ELSEWHERE : []) {
      if (value[key] === undefined) continue;
      wrong(
        key,
        'would have all hosts judged by one service',
        'Put the probe into `patching.probes` of the host that it is about; here it asks each host itself.',
      );
    }
    if (toMilliseconds(value.timeout) > LONGEST_TIMEOUT_MS) {
      wrong('timeout', 'is too long', 'Write at most 30 seconds; a service that needs longer is given time to settle.');
    }
    for (const [key, kinds] of Object.entries(ONLY_FOR)) {
      if (key in value && !kinds.includes(value.kind)) {
        wrong(key, `means nothing to a probe of kind ${value.kind}`, `Remove it; it is for ${kinds.join(' and ')}.`);
      }
    }
  });
  return z
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
}

/** Of a rolling update. */
export const probesSchema = probesSchemaOf('cluster');

/** Of one host. */
export const hostProbesSchema = probesSchemaOf('host');

/** Of all hosts. */
export const everyHostProbesSchema = probesSchemaOf('every-host');

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
