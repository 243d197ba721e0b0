import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ConfigError, type LocatedProblem } from '../../config/errors.ts';
import { loadConfig, parseConfig } from '../../config/load.ts';
import { DEFAULT_POLICY } from '../../config/policy-schema.ts';

const EXAMPLE = fileURLToPath(new URL('../../config/caretaker.example.yaml', import.meta.url));
const FINGERPRINT = Array.from({ length: 32 }, () => 'AB').join(':');
const HOST_KEY = `SHA256:${'a'.repeat(43)}`;

const MINIMAL = `cluster:
  name: homelab
  api:
    token: { env: PVE_API_TOKEN }
  ssh:
    privateKey: { file: id_ed25519 }
  nodes:
    - name: pve1
      address: 10.0.0.1
      api: { fingerprint: ${FINGERPRINT} }
      ssh: { hostKey: ${HOST_KEY} }
`;

function problemsOf(text: string): readonly LocatedProblem[] {
  try {
    parseConfig(text, 'site/caretaker.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('accepts the example of the reference site', async () => {
    const config = await loadConfig({ path: EXAMPLE, env: {} });
    expect(config.cluster.nodes.map(({ name, address }) => [name, address])).toEqual([
      ['pve-node1', '192.168.10.230'],
      ['pve-node2', '192.168.10.232'],
    ]);
    expect(config.rollingUpdate.guests).toEqual({ default: 'migrate', overrides: { 212: 'shutdown' }, rules: [] });
  });

  it('fills in every default', () => {
    const config = parseConfig(MINIMAL, 'caretaker.yaml');
    expect(config.rollingUpdate).toEqual(DEFAULT_POLICY);
    expect(config.polling).toEqual({ interval: '5 seconds', stablePolls: 2 });
    expect(config.cluster).toMatchObject({
      stateDirectory: '/var/lib/caretaker/jobs',
      ssh: { user: 'root', port: 22 },
    });
    expect(config.cluster.nodes[0]?.api.port).toBe(8006);
  });

  it('takes an emptied section for its defaults', () => {
    const config = parseConfig(`${MINIMAL}rollingUpdate:\n  timeouts:\norchestrator:\n`, 'caretaker.yaml');
    expect(config.rollingUpdate).toEqual(DEFAULT_POLICY);
    expect(config.orchestrator).toEqual({});
  });

  it('makes paths absolute from the folder of the file', () => {
    const config = parseConfig(MINIMAL, '/etc/caretaker/caretaker.yaml');
    expect(config.cluster.ssh.privateKey).toEqual({ file: '/etc/caretaker/id_ed25519' });
  });

  it('is found by argument, then by CARETAKER_CONFIG', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'caretaker-config-'));
    try {
      const file = join(folder, 'site.yaml');
      await writeFile(file, MINIMAL);
      expect((await loadConfig({ env: { CARETAKER_CONFIG: file } })).cluster.name).toBe('homelab');
      const missing = join(folder, 'none.yaml');
      await expect(loadConfig({ path: missing, env: { CARETAKER_CONFIG: file } })).rejects.toThrow(
        /There is no configuration at .*none\.yaml\. Copy config\/caretaker\.example\.yaml/,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('a configuration with mistakes', () => {
  it('is refused with the line and column of an unknown key, and the key that was meant', () => {
    expect(problemsOf(`${MINIMAL}rollingUpdate:\n  reboots: never\n`)).toEqual([
      {
        location: 'site/caretaker.yaml:13:3',
        field: 'rollingUpdate.reboots',
        message: 'is not a known key',
        remedy: 'Did you mean reboot?',
      },
    ]);
  });

  it('refuses a secret written into it without repeating the secret', () => {
    const text = MINIMAL.replace('{ env: PVE_API_TOKEN }', 'root@pam!x=hunter2');
    const [problem, ...others] = problemsOf(text);
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      location: 'site/caretaker.yaml:4:5',
      field: 'cluster.api.token',
      message: 'is a secret written into the configuration file',
    });
    expect(JSON.stringify(problem)).not.toContain('hunter2');
  });

  it('demands a way to verify the certificate and the host key of every node', () => {
    const text = MINIMAL.replace(/ {6}(api|ssh): .*\n/g, '');
    expect(problemsOf(text).map(({ location, field }) => `${location} ${field}`)).toEqual([
      'site/caretaker.yaml:8:7 cluster.nodes[0].api.fingerprint',
      'site/caretaker.yaml:8:7 cluster.nodes[0].ssh.hostKey',
    ]);
  });

  it('is content with a certificate authority and a known_hosts file for all nodes', () => {
    const text = MINIMAL.replace(/ {6}(api|ssh): .*\n/g, '').replace(
      '  ssh:\n',
      '    caFile: ca.pem\n  ssh:\n    knownHosts: known_hosts\n',
    );
    expect(problemsOf(text)).toEqual([]);
  });

  it('tells mistakes in single fields and between fields at once', () => {
    const text = `${MINIMAL}    - name: pve1
      address: https://10.0.0.2:8006
rollingUpdate:
  nodes: [pve1, pve7]
  parallelMigrations: 0
  dryRun: yes
  guests: { overrides: { plex: migrate, 210: shutdwn } }
  timeouts: { reboot: 20 }
`;
    const found = problemsOf(text).map(({ field, message }) => `${field} ${message}`);
    expect(found).toHaveLength(10);
    expect(found).toEqual(
      expect.arrayContaining([
        'cluster.nodes[1].name is the name of node number 1 too',
        'cluster.nodes[1].address is not an IP address or host name',
        'rollingUpdate.nodes[1] is pve7, which is not a configured node',
        'rollingUpdate.parallelMigrations must be at least 1',
        'rollingUpdate.dryRun must be true or false, not text',
        'rollingUpdate.guests.overrides.plex is not the id of a guest',
        'rollingUpdate.guests.overrides.210 must be one of migrate, shutdown, leave, refuse',
        'rollingUpdate.timeouts.reboot is a number without a unit',
      ]),
    );
  });

  it.each([
    ['broken YAML', 'cluster: [', /site\/caretaker\.yaml:1:\d+/],
    ['a key given twice', `${MINIMAL}polling: {}\npolling: {}\n`, /site\/caretaker\.yaml:13:1/],
    ['no group of keys at all', 'hello', /The file must be a group of keys, not text/],
    ['nothing', '', /cluster is missing/],
  ])('says where the trouble is in a file with %s', (_, text, where) => {
    expect(() => parseConfig(text, 'site/caretaker.yaml')).toThrow(where);
  });

  it('points to an empty required key itself', () => {
    const [problem] = problemsOf(MINIMAL.replace('name: homelab', 'name:'));
    expect(problem).toMatchObject({ location: 'site/caretaker.yaml:2:3', message: 'is missing' });
  });

  it('ends every problem with what to do', () => {
    const problems = problemsOf(
      stringify({ cluster: { nodes: [{ name: '-', port: 1 }], stateDirectory: 'x y' }, a: 1 }),
    );
    expect(problems.length).toBeGreaterThan(6);
    for (const { remedy } of problems) expect(remedy).toMatch(/\S[.?]$/);
  });
});
