import { describe, expect, it } from 'vitest';
import { InputError } from '../../config/errors.ts';
import { mergePolicy, settingsFor } from '../../config/policy.ts';
import { DEFAULT_POLICY } from '../../config/policy-schema.ts';
import { parseConfig } from '../../config/load.ts';
import { depsFromConfig } from '../../workers/deps-from-config.ts';

const TEXT = `
cluster:
  name: homelab
  api: { token: { env: T } }
  ssh: { privateKey: { env: K }, knownHosts: k }
  nodes: [{ name: pve1, address: 127.0.0.1, api: { fingerprint: '${Array(32).fill('AA').join(':')}' } }]
credentials:
  - { name: reader, url: 'https://prometheus.lan', token: { env: PROMETHEUS_TOKEN } }
  - { name: admin, url: 'http://shop.lan:8080', user: admin, password: { file: shop } }
`;

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return error instanceof InputError || error instanceof Error ? error.message : String(error);
  }
  return 'accepted';
}

const probe = { name: 'shop', kind: 'http', url: 'http://shop.lan/' };
const messageFor = (changes: object) =>
  messageOf(() => mergePolicy(DEFAULT_POLICY, { probes: [{ ...probe, ...changes }] }, ['pve1']));

describe('a probe', () => {
  it('needs no more than what its kind asks', () => {
    expect(mergePolicy(DEFAULT_POLICY, { probes: [probe], soak: '0 seconds' }, ['pve1'])).toMatchObject({
      soak: '0 seconds',
      probes: [{ ...probe, timeout: '10 seconds' }],
    });
  });

  it.each([
    [{ kind: 'tcp', url: 'http://shop.lan/' }, 'probes[0].host is missing. Add it: a probe of kind tcp needs it.'],
    [{ severity: ['critical'] }, 'probes[0].severity means nothing to a probe of kind http.'],
    [{ url: 'http://admin:hunter2@shop.lan/' }, 'probes[0].url is not an address of a web service.'],
    [{ url: 'ftp://shop.lan/' }, 'probes[0].url is not an address of a web service.'],
    [{ kind: 'prometheus', ignoreAlerts: ['('] }, 'probes[0].ignoreAlerts[0] is not a regular expression.'],
    [{ timeout: '5 minutes' }, 'probes[0].timeout is too long.'],
  ])('is refused with %j, naming field and remedy', (changes, message) => {
    expect(messageFor(changes)).toContain(message);
    expect(messageFor(changes)).not.toContain('hunter2');
  });

  it('has a name of its own', () => {
    const message = messageOf(() => mergePolicy(DEFAULT_POLICY, { probes: [probe, probe] }, ['pve1']));
    expect(message).toContain('probes[1].name is the name of another probe.');
  });

  it('names credentials that the configuration has', () => {
    const config = parseConfig(TEXT, '/site/caretaker.yaml');
    const settings = (credentials: string) => settingsFor(config, { probes: [{ ...probe, credentials }] });
    expect(settings('reader').policy.probes).toMatchObject([{ credentials: 'reader' }]);
    expect(messageOf(() => settings('raeder'))).toContain(
      'probes[0].credentials is raeder, which the configuration does not have. Add it to credentials. Configured: reader, admin.',
    );
  });
});

describe('credentials', () => {
  it('are a token, or a user with a password', () => {
    const wrong = TEXT.replace('token: { env: PROMETHEUS_TOKEN } }', 'user: x }');
    expect(messageOf(() => parseConfig(wrong, '/site/caretaker.yaml'))).toContain(
      'must have either a token, or a user with a password',
    );
  });

  it('are resolved on the worker and go to their own server only', async () => {
    const deps = depsFromConfig(parseConfig(TEXT, '/site/caretaker.yaml'), { PROMETHEUS_TOKEN: 'hunter2' });
    try {
      expect(await deps.authorization('reader', 'https://prometheus.lan/graph')).toEqual({
        authorization: 'Bearer hunter2',
      });
      const elsewhere = await deps
        .authorization('reader', 'https://evil.example/')
        .catch((error: Error) => error.message);
      expect(elsewhere).toBe("credentials: reader is for https://prometheus.lan only. Correct its url or the probe's.");
    } finally {
      await deps.close();
    }
  });
});
