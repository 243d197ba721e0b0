import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { readHost } from '../../activities/host.ts';
import { createSshClient } from '../../clients/ssh/index.ts';
import { containerSpec, createLab, referenceSite, vmSpec, type Lab } from '../../lab/index.ts';
import { runCli } from '../../scripts/cli/program.ts';
import { labConfig } from '../../scripts/lib/lab-config.ts';

let folder: string;
let lab: Lab;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caretaker-hosts-'));
  const site = referenceSite();
  lab = await createLab({
    directory: join(folder, 'lab'),
    scale: 200,
    site: {
      ...site,
      guests: [
        ...site.guests,
        containerSpec(195, 'off', 'pve-node1', { running: false }),
        vmSpec(900, 'golden', 'pve-node1', { running: false, template: true }),
      ],
    },
  });
});

afterAll(async () => {
  await lab.close();
  await rm(folder, { recursive: true });
});

interface HostKeys {
  name: string;
  [key: string]: unknown;
}

/** Runs the CLI with the inventory of the lab as `change` makes it. Nothing of Temporal is there. */
async function caretaker(
  args: readonly string[],
  change: (config: { hosts: HostKeys[]; [key: string]: unknown }) => void = () => undefined,
  ask?: (question: string) => Promise<string>,
): Promise<{ code: number; out: string; err: string }> {
  const file = join(folder, 'caretaker.yaml');
  const config = parse(labConfig(lab.access, { scale: 200, tokenVariable: 'TOKEN' })) as { hosts: HostKeys[] };
  change(config);
  await writeFile(file, stringify(config));
  let out = '';
  let err = '';
  const code = await runCli(args, {
    env: {
      CARETAKER_CONFIG: file,
      TOKEN: `${lab.access.token.id}=${lab.access.token.secret}`,
      // No Temporal, whatever else runs on this machine.
      TEMPORAL_ADDRESS: '127.0.0.1:1',
    },
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    ...(ask ? { ask } : {}),
  });
  return { code, out, err };
}

function changeHost(name: string, changes: object): (config: { hosts: HostKeys[] }) => void {
  return ({ hosts }) => void Object.assign(hosts.find((host) => host.name === name) ?? {}, changes);
}

function holding(text: string): unknown {
  return expect.stringContaining(text);
}

type Entry = Readonly<Record<string, unknown>> & { readonly name: string };

describe('caretaker hosts', () => {
  it('tells of every host of the site: guest, state, updates and reboot', async () => {
    const { code, out } = await caretaker(['hosts', '--json']);
    expect(code).toBe(0);
    const entries = JSON.parse(out) as Entry[];
    expect(entries).toHaveLength(10);
    expect(entries.map(({ name, state }) => [name, state])).toContainEqual(['off', 'stopped']);
    expect(entries.filter(({ state }) => state === 'reached')).toHaveLength(9);
    const plex = entries.find(({ name }) => name === 'plex-vm');
    expect(plex).toMatchObject({
      guest: { vmid: 210, kind: 'qemu', node: 'pve-node1', status: 'running' },
      system: 'Debian GNU/Linux 13 (trixie)',
      reboot: { needed: false },
      mismatches: [],
    });
    expect(plex?.['pending']).toHaveProperty('value');
    expect((plex?.['pending'] as { value: Entry[] }).value.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['curl', 'linux-image-amd64']),
    );
  });

  it('sees the reboot that a VM wants for its new kernel, and none for the container', async () => {
    const upgrade = 'DEBIAN_FRONTEND=noninteractive apt-get -y dist-upgrade';
    await Promise.all([211, 192].map((vmid) => lab.guest(vmid).machine.exec(upgrade)));
    const { code, out } = await caretaker(['hosts', 'arr-stack-vm', 'pihole-1']);
    expect(code).toBe(0);
    expect(out).toMatch(/^pihole-1 +CT 192 on pve-node1 +✔ reached +0 +0 min old +no +\?$/m);
    expect(out).toMatch(/^arr-stack-vm +VM 211 on pve-node1 +✔ reached +0 +0 min old +needed +\?$/m);
    expect(out).toContain('linux-image-6.12.41+deb13-amd64 asked for it');
  });

  it('names what the inventory says wrong, and ends with 1', async () => {
    const wrong = await caretaker(['hosts', 'traefik'], changeHost('traefik', { vmid: 195 }));
    expect(wrong.err).toContain('hosts[9].vmid is that of host number 2 too');
    const swapped = await caretaker(['hosts', 'traefik', '--json'], (config) => {
      changeHost('off', { vmid: 777 })(config);
      changeHost('traefik', { vmid: 195, kind: 'vm' })(config);
    });
    expect(swapped.code).toBe(1);
    expect(JSON.parse(swapped.out)).toMatchObject([
      {
        state: 'reached',
        mismatches: [
          '195 is a container, the inventory says virtual machine',
          'Proxmox calls 195 off',
          'Proxmox calls 195 stopped, yet the host answers',
        ],
      },
    ]);
    const gone = await caretaker(['hosts', 'off'], changeHost('off', { vmid: 777 }));
    expect(gone).toMatchObject({ code: 1, out: holding('There is no guest 777 in the cluster.') });
  });

  it('lists templates and exempt hosts without asking for more', async () => {
    const { code, out } = await caretaker(['hosts', 'off', 'traefik'], (config) => {
      changeHost('off', { vmid: 900, name: 'golden', kind: 'vm', groups: ['off'] })(config);
      changeHost('traefik', { exempt: 'the proxy is updated by hand', ssh: { port: 1 } })(config);
    });
    expect(code).toBe(0);
    expect(out).toMatch(/^golden +VM 900 on pve-node1 +– template/m);
    expect(out).toContain('The proxy is updated by hand.');
  });

  it('reads a container through its node and a VM through its guest agent, and trusts no key of theirs', async () => {
    const without = (config: { hosts: HostKeys[] }) => {
      changeHost('traefik', { via: 'pct', ssh: {} })(config);
      changeHost('plex-vm', { via: 'agent', ssh: {} })(config);
      changeHost('off', { via: 'pct', ssh: {} })(config);
    };
    const { code, out, err } = await caretaker(['hosts', 'traefik', 'plex-vm', 'off', '--json'], without);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const states = (JSON.parse(out) as Entry[]).map(({ name, state }) => `${name} ${String(state)}`);
    expect(states.sort()).toEqual(['off stopped', 'plex-vm reached', 'traefik reached']);
    expect(await caretaker(['hosts', 'trust', 'traefik', 'plex-vm'], without)).toMatchObject({
      code: 2,
      err: holding('reached through Proxmox'),
    });
  });

  it('takes no stranger for a host, not even where the guest is stopped', async () => {
    const stranger = lab.guest(194).machine.ssh.port;
    const { code, out } = await caretaker(['hosts', 'off'], (config) => {
      config.hosts = config.hosts.filter(({ name }) => name !== 'traefik');
      const pin = lab.guest(195).machine.ssh.fingerprint;
      changeHost('off', { ssh: { port: stranger, hostKey: pin } })(config);
    });
    expect(code).toBe(1);
    expect(out).toMatch(/✘ unreachable[^]*the host\s+key\s+is\s+not\s+the\s+known\s+one/);
  });

  it('tells of the others when one host refuses the connection and Proxmox does not answer', async () => {
    const remove = lab.faults.add((point) =>
      point.at === 'connection' && 'machine' in point && point.machine === 'lxc/193' ? { do: 'drop' } : undefined,
    );
    const { code, out } = await caretaker(['hosts', 'pihole-1', 'pihole-2', '--json'], (config) => {
      const cluster = config['cluster'] as { nodes: { api: { port: number } }[]; api: object };
      for (const node of cluster.nodes) node.api.port = 1;
    });
    remove();
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { name: 'pihole-1', state: 'reached', mismatches: [holding('192 could not be looked up')] },
      { name: 'pihole-2', state: 'unreachable', why: holding('cannot connect') },
    ]);
  });

  it('is not held up by a host that takes connections and says nothing', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const { code, out } = await caretaker(['hosts', 'traefik', 'pihole-1', '--json'], (config) => {
      changeHost('traefik', { ssh: { port, hostKey: lab.guest(194).machine.ssh.fingerprint } })(config);
    });
    silent.close();
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject([
      { name: 'pihole-1', state: 'reached' },
      { name: 'traefik', state: 'unreachable', why: holding('no connection within 10000 ms') },
    ]);
  });

  it('is not held up by a host whose apt never ends', async () => {
    const remove = lab.faults.add((point) =>
      point.at === 'command' && point.machine === 'lxc/194' && point.name === 'apt-get'
        ? { do: 'delay', ms: 3_600_000 }
        : undefined,
    );
    const { ssh } = lab.guest(194).machine;
    const client = createSshClient({
      host: ssh.host,
      port: ssh.port,
      username: 'root',
      privateKey: () => readFile(lab.access.ssh.privateKeyFile, 'utf8'),
      hostKey: { fingerprint: ssh.fingerprint },
    });
    await expect(
      readHost(client, { timeoutMs: 1_000, stateDirectory: '~/caretaker-jobs', updates: true }),
    ).rejects.toMatchObject({
      type: 'SshTimeout',
    });
    remove();
  });

  it('knows neither a host nor a group that is not there', async () => {
    expect(await caretaker(['hosts', 'docker-vmz'])).toMatchObject({
      code: 2,
      err: 'docker-vmz is neither a host nor a group of the configuration. Did you mean docker-vms?\n',
    });
    const none = await caretaker(['hosts'], (config) => void (config.hosts = []));
    expect(none).toMatchObject({ code: 2, err: holding('The configuration has no hosts.') });
  });
});

describe('caretaker hosts trust', () => {
  const known = (): string => join(folder, 'known', 'hosts');
  const OTHERS = '# mine\nexample.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGV4YW1wbGU=\n';

  beforeEach(async () => {
    await mkdir(join(folder, 'known'), { recursive: true });
    await writeFile(known(), OTHERS, { mode: 0o644 });
  });

  /** Host keys come from the file alone. */
  function fromFile(config: { hosts: HostKeys[]; [key: string]: unknown }): void {
    for (const host of config.hosts) delete (host['ssh'] as { hostKey?: string }).hostKey;
    config['hostDefaults'] = { ssh: { knownHosts: known() } };
  }

  function lineOf(vmid: number, keyOf = vmid): string {
    return `[127.0.0.1]:${lab.guest(vmid).machine.ssh.port} ${lab.guest(keyOf).machine.ssh.publicKey}\n`;
  }

  it('shows the keys and writes nothing before anybody has agreed', async () => {
    const { code, out, err } = await caretaker(['hosts', 'trust', 'traefik'], fromFile);
    expect(code).toBe(1);
    expect(out).toBe(`+ traefik: ssh-ed25519 ${lab.guest(194).machine.ssh.fingerprint}  new\n`);
    expect(err).toContain('Nothing was written.');
    expect(err).toContain('hosts trust traefik --yes');
    const declined = await caretaker(['hosts', 'trust', 'traefik'], fromFile, () => Promise.resolve(''));
    expect(declined).toMatchObject({ code: 1, err: 'Nothing was written.\n' });
    expect(await readFile(known(), 'utf8')).toBe(OTHERS);
  });

  it('adds what was agreed to, keeps what is there, and then the hosts are reached', async () => {
    expect((await caretaker(['hosts', 'pihole-1', 'traefik'], fromFile)).code).toBe(1);
    const asked: string[] = [];
    const trusted = await caretaker(['hosts', 'trust', 'pihole-1'], fromFile, (question) => {
      asked.push(question);
      return Promise.resolve('y');
    });
    expect(trusted.code).toBe(0);
    expect(asked).toEqual([holding(`Write 1 key to ${known()} [y/N]`)]);
    expect((await caretaker(['hosts', 'trust', 'pihole-1', 'traefik', '--yes'], fromFile)).out).toMatch(
      /pihole-1: .* unchanged\n.*traefik: .* new\n1 key written/,
    );
    expect(await readFile(known(), 'utf8')).toBe(OTHERS + lineOf(192) + lineOf(194));
    expect((await stat(known())).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, 'known'))).toEqual(['hosts']);
    expect((await caretaker(['hosts', 'pihole-1', 'traefik'], fromFile)).code).toBe(0);
  });

  it('refuses a changed key loudly and writes none at all, unless that host is named', async () => {
    const before = OTHERS + lineOf(194, 192);
    await writeFile(known(), before);
    const refused = await caretaker(['hosts', 'trust', 'pihole-1', 'traefik', '--yes'], fromFile);
    expect(refused.code).toBe(1);
    expect(refused.out).toMatch(/traefik: .* CHANGED, known: SHA256:/);
    expect(refused.err).toContain('THE HOST KEY HAS CHANGED: traefik.');
    expect(await readFile(known(), 'utf8')).toBe(before);

    const args = ['hosts', 'trust', 'pihole-1', 'traefik', '--replace', 'traefik', '--yes'];
    expect((await caretaker(args, fromFile)).code).toBe(0);
    expect(await readFile(known(), 'utf8')).toBe(OTHERS + lineOf(192) + lineOf(194));
  });

  it('leaves a pin of the configuration to you', async () => {
    const pinned = await caretaker(['hosts', 'trust', 'traefik', '--replace', 'traefik', '--yes'], (config) => {
      fromFile(config);
      const port = lab.guest(194).machine.ssh.port;
      changeHost('traefik', { ssh: { port, hostKey: lab.guest(192).machine.ssh.fingerprint } })(config);
    });
    expect(pinned).toMatchObject({ code: 1, err: holding('correct its ssh.hostKey') });
    expect(await readFile(known(), 'utf8')).toBe(OTHERS);
    expect((await caretaker(['hosts', 'trust', 'traefik'])).out).toMatch(/^✔ traefik: .* unchanged\n$/);
  });

  it('takes the others when one host does not answer, and ends with 1', async () => {
    const { code, out } = await caretaker(['hosts', 'trust', 'off', 'traefik', '--yes'], fromFile);
    expect(code).toBe(1);
    expect(out).toMatch(/✘ off: .*it shows no host key/);
    expect(await readFile(known(), 'utf8')).toBe(OTHERS + lineOf(194));
  });
});
