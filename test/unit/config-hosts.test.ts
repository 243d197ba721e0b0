import { describe, expect, it } from 'vitest';
import { hostAccess } from '../../config/hosts.ts';
import { parseConfig } from '../../config/load.ts';
import { validateConfig } from '../../config/validate.ts';

const cluster = {
  name: 'homelab',
  api: { token: { env: 'T' }, caFile: 'ca.pem' },
  ssh: { privateKey: { env: 'K' }, knownHosts: 'known_hosts' },
  nodes: [{ name: 'pve1', address: '10.0.0.1' }],
};
const pihole = { name: 'pihole-1', address: '10.0.0.192', vmid: 192 };

function check(hosts: readonly object[], changes: object = {}): unknown {
  const checked = validateConfig({ cluster, hosts, ...changes });
  return 'problems' in checked
    ? checked.problems.map(({ field, message }) => `${field} ${message}`)
    : checked.config.hosts;
}

describe('the hosts', () => {
  it('may be left out, and need no more than a name and an address', () => {
    expect(check([])).toEqual([]);
    expect(check([{ name: 'pi', address: '10.0.0.9' }])).toEqual([
      { name: 'pi', address: '10.0.0.9', via: 'ssh', groups: [], ssh: {}, patching: {} },
    ]);
  });

  it('are refused by the field that is wrong', () => {
    const wrong = { ...pihole, vmid: 12, kind: 'container', groups: ['two words'], exempt: ' ', reboot: true };
    expect(check([wrong])).toEqual([
      'hosts[0].vmid is not the id of a guest',
      'hosts[0].kind must be one of lxc, vm',
      'hosts[0].groups[0] is not a usable name',
      'hosts[0].exempt is not a text that says something',
      'hosts[0].reboot is not a known key',
    ]);
  });

  it('are each there once, by name, vmid and address', () => {
    expect(check([pihole, { ...pihole, name: 'other', address: '10.0.0.193' }])).toEqual([
      'hosts[1].vmid is that of host number 1 too',
    ]);
    expect(check([pihole, { name: 'pihole-1', address: '10.0.0.192' }])).toEqual([
      'hosts[1].name is that of host number 1 too',
      'hosts[1].address is that of host number 1 too',
    ]);
    const forwarded = [22, 2222].map((port) => ({ name: `h${port}`, address: '10.0.0.7', ssh: { port } }));
    expect(check(forwarded)).toHaveLength(2);
    expect(check(forwarded, { hostDefaults: { ssh: { port: 2222 } } })).toHaveLength(2);
    expect(
      check([forwarded[1] as object, { name: 'b', address: '10.0.0.7' }], { hostDefaults: { ssh: { port: 2222 } } }),
    ).toEqual(['hosts[1].address is that of host number 1 too']);
  });

  it('are no nodes of the cluster, for those are not patched like a guest', () => {
    expect(check([{ name: 'pve1', address: '10.0.0.8' }])).toEqual(['hosts[0].name is that of a node of the cluster']);
    expect(check([{ name: 'a', address: '10.0.0.1' }])).toEqual(['hosts[0].address is that of a node of the cluster']);
  });

  it('are told from their groups', () => {
    expect(check([pihole, { name: 'b', address: '10.0.0.2', groups: ['dns', 'pihole-1'] }])).toEqual([
      'hosts[1].groups[1] is pihole-1, which is also the name of a host',
    ]);
  });

  it('have a host key or a file of known hosts, unless nothing connects to them', () => {
    const ssh = { privateKey: { env: 'K' } };
    const nodes = [{ ...cluster.nodes[0], ssh: { hostKey: `SHA256:${'a'.repeat(43)}` } }];
    const bare = { cluster: { ...cluster, ssh, nodes } };
    expect(check([pihole], bare)).toEqual([
      "hosts[0].ssh.hostKey is missing, so the host's SSH host key cannot be verified",
    ]);
    expect(check([{ ...pihole, exempt: 'by hand' }], bare)).toHaveLength(1);
    expect(check([pihole], { ...bare, hostDefaults: { ssh: { knownHosts: 'k' } } })).toEqual([
      { ...pihole, via: 'ssh', groups: [], ssh: {}, patching: {} },
    ]);
  });

  it('need no host key where no SSH leads to them, but the vmid of a guest of the right kind', () => {
    const ssh = { privateKey: { env: 'K' } };
    const nodes = [{ ...cluster.nodes[0], ssh: { hostKey: `SHA256:${'a'.repeat(43)}` } }];
    const bare = { cluster: { ...cluster, ssh, nodes } };
    expect(check([{ ...pihole, via: 'pct', kind: 'lxc' }], bare)).toHaveLength(1);
    expect(check([{ ...pihole, via: 'agent' }], bare)).toMatchObject([{ via: 'agent' }]);
    expect(check([{ name: 'pi', address: '10.0.0.9', via: 'pct' }])).toEqual([
      'hosts[0].vmid is missing, and via: pct needs it',
    ]);
    expect(check([{ ...pihole, via: 'pct', kind: 'vm' }])).toEqual([
      'hosts[0].via is for guests of the kind lxc alone, and this one is not',
    ]);
    expect(check([{ ...pihole, via: 'agent', kind: 'lxc' }])).toEqual([
      'hosts[0].via is for guests of the kind vm alone, and this one is not',
    ]);
    expect(check([{ ...pihole, via: 'telnet' }])).toEqual(['hosts[0].via must be one of ssh, pct, agent']);
  });

  it('take what they do not say from hostDefaults, and then from the nodes', () => {
    const text = (hostDefaults: string): string =>
      `cluster: ${JSON.stringify(cluster)}\nhostDefaults: ${hostDefaults}\nhosts:\n` +
      `  - { name: a, address: 10.0.0.2, ssh: { user: me, port: 23, privateKey: { file: a.key }, hostKey: 'SHA256:${'b'.repeat(43)}' } }\n` +
      '  - { name: b, address: 10.0.0.3 }\n';
    const accessOf = (hostDefaults: string): unknown[] => {
      const config = parseConfig(text(hostDefaults), '/site/caretaker.yaml');
      return config.hosts.map((host) => hostAccess(config, host));
    };
    const own = {
      address: '10.0.0.2',
      port: 23,
      user: 'me',
      privateKey: { file: '/site/a.key' },
      privateKeyField: 'hosts (a) ssh.privateKey',
      hostKey: { fingerprint: `SHA256:${'b'.repeat(43)}` },
    };
    expect(accessOf('{ ssh: { user: patcher, port: 24, privateKey: { file: d.key }, knownHosts: d } }')).toEqual([
      own,
      {
        address: '10.0.0.3',
        port: 24,
        user: 'patcher',
        privateKey: { file: '/site/d.key' },
        privateKeyField: 'hostDefaults.ssh.privateKey',
        hostKey: { knownHostsFile: '/site/d' },
      },
    ]);
    expect(accessOf('{}')).toEqual([
      own,
      {
        address: '10.0.0.3',
        port: 22,
        user: 'root',
        privateKey: { env: 'K' },
        privateKeyField: 'cluster.ssh.privateKey',
        hostKey: { knownHostsFile: '/site/known_hosts' },
      },
    ]);
  });
});
