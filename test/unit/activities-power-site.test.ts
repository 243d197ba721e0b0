import { afterEach, describe, expect, it, vi } from 'vitest';
import type {
  ClusterResources,
  ClusterStatus,
  GuestConfig,
  GuestResource,
  GuestStatus,
  HaManagerStatus,
  HaResource,
  HaStatusLine,
  NodeResource,
  ProxmoxClient,
} from '../../clients/proxmox/index.ts';
import type { ReadSiteInput } from '../../activities/power/site.ts';
import { activityEnvironment, answered, clientError, onlyExpected } from '../helpers/fake-deps.ts';
import { fakePowerDeps, powerActivitiesOver, type FakePower } from '../helpers/fake-power.ts';
import { toMilliseconds } from '../../domain/duration.ts';
import type { SiteBefore } from '../../domain/outage.ts';
import { GIB } from '../helpers/builders.ts';

afterEach(() => vi.useRealTimers());

const never = () => new Promise<never>(() => undefined);

interface FakeSite {
  /** pve2 answers, hangs, is off, or answers over SSH only. */
  readonly pve2?: 'up' | 'hangs' | 'off' | 'without API';
  readonly ssh?: 'up' | 'dead';
  readonly ha?: Readonly<Record<string, string>>;
  readonly armed?: string;
  readonly lrm?: string;
  readonly all?: 'dead';
}

const VOTES = `Quorate:          Yes
Expected votes:   3
Total votes:      3
Quorum:           2
Flags:            Quorate Qdevice

    Nodeid      Votes    Qdevice Name
0x00000001          1    A,V,NMW 10.0.0.1 (local)
0x00000002          1    A,V,NMW 10.0.0.2
0x00000000          1            Qdevice
`;

const DOWN = clientError('retryable', 'GET /version at pve2: connect EHOSTUNREACH');

function aSite({ pve2 = 'up', ssh = 'up', ha = {}, armed, lrm = 'wait_for_agent_lock', all }: FakeSite): FakePower {
  const guest = (vmid: number, node: string, changes: Partial<GuestResource> = {}): GuestResource =>
    ({
      ...{ type: 'qemu', vmid, node, name: `vm-${vmid}`, status: 'running', template: false, tags: ['docker'] },
      ...{ maxMemory: 4 * GIB, lock: undefined, ...changes },
    }) as GuestResource;
  const guests = [
    guest(202, 'pve2', { lock: 'backup' }),
    guest(100, 'pve1'),
    guest(101, 'pve1', { status: 'stopped', type: 'lxc', name: undefined }),
    guest(900, 'pve1', { template: true }),
  ];
  const status: ClusterStatus = {
    name: 'homelab',
    quorate: true,
    nodes: ['pve1', 'pve2'].map((name, index) => ({
      ...{ name, nodeId: index + 1, address: '', local: index === 0 },
      online: name === 'pve1' || pve2 !== 'off',
    })),
  };
  const resources = { guests, nodes: [{ node: 'pve1', maxMemory: 64 * GIB } as NodeResource], storages: [] };
  const line = { id: 'fencing', type: 'fencing', status: '', armedState: armed } as unknown as HaStatusLine;
  const cluster = (): Partial<ProxmoxClient> => ({
    clusterStatus: () => Promise.resolve(status),
    resources: () => Promise.resolve(resources as ClusterResources),
    haResources: () => Promise.resolve(Object.entries(ha).map(([sid, state]) => ({ sid, state }) as HaResource)),
    haStatus: () => Promise.resolve(armed === undefined ? [] : [line]),
    haManagerStatus: () =>
      Promise.resolve({
        lrm: new Map([['pve1', { mode: 'active', state: lrm, timestamp: 0 }]]),
      } as unknown as HaManagerStatus),
    qdevice: () => Promise.resolve({ present: true, connected: false, state: 'x', host: 'pi' }),
    services: () => Promise.resolve([{ name: 'pveproxy', state: 'running', activeState: 'active', unitState: '' }]),
    storages: () => Promise.resolve([]),
  });
  const own = (node: string): Partial<ProxmoxClient> => ({
    version: () => Promise.resolve({ version: '9.2', release: '9.2' }),
    clusterStatus: () => Promise.resolve(status),
    guestStatus: ({ vmid }) => {
      const running = guests.find((each) => each.vmid === vmid && each.node === node)?.status === 'running';
      return Promise.resolve({ running, lock: undefined } as GuestStatus);
    },
    guestConfig: ({ vmid }) => Promise.resolve({ startup: vmid === 100 ? { order: 3 } : {} } as GuestConfig),
  });
  const silent: Partial<ProxmoxClient> =
    pve2 === 'hangs' ? { version: never } : { version: () => Promise.reject(DOWN) };
  const scoped = (via: string | undefined): ProxmoxClient => {
    if (via === undefined) {
      const calls = all === 'dead' ? { ...cluster(), clusterStatus: () => Promise.reject(DOWN) } : cluster();
      return onlyExpected<ProxmoxClient>('the cluster', { ...calls, avoid: () => scoped(undefined), via: scoped });
    }
    return onlyExpected<ProxmoxClient>(via, via === 'pve2' && pve2 !== 'up' ? silent : own(via));
  };
  return {
    proxmox: { ...cluster(), avoid: () => scoped(undefined), via: scoped, with: ({ via }) => scoped(via) },
    exec: (node, command) => {
      if (pve2 === 'without API' && command.includes('qm status 202')) return answered('202 0 status: stopped\n');
      if (ssh === 'dead' || (node === 'pve2' && pve2 !== 'up'))
        return pve2 === 'hangs' ? never() : Promise.reject(DOWN);
      if (command === 'pvecm status') return answered(VOTES);
      return answered(`${node}-boot-1\n6.14.8-2-pve\n`);
    },
  };
}

function read(site: FakeSite = {}, input: ReadSiteInput = {}) {
  const { readSite } = powerActivitiesOver(fakePowerDeps(aSite(site)));
  return activityEnvironment().run(readSite, input);
}

describe('the site', () => {
  it('is read with all that has to be so again', async () => {
    const site = await read({ ha: { 'vm:100': 'enabled', 'vm:202': 'ignored' }, armed: 'armed' });
    expect(site.quorum).toEqual({
      ...{ quorate: true, expectedVotes: 3, quorum: 2, qdevice: { votes: 1, connected: true } },
    });
    expect(site.nodes).toMatchObject([
      {
        name: 'pve1',
        online: true,
        votes: 1,
        memory: 64 * GIB,
        health: { bootId: 'pve1-boot-1', activeServices: ['pveproxy'] },
      },
      { name: 'pve2', online: true, votes: 1, health: { bootId: 'pve2-boot-1' } },
    ]);
    const common = { tags: ['docker'], maxMemory: 4 * GIB, lock: null };
    expect(site.guests).toEqual([
      {
        ...common,
        vmid: 100,
        kind: 'qemu',
        name: 'vm-100',
        node: 'pve1',
        running: true,
        startupOrder: 3,
        sid: 'vm:100',
      },
      { ...common, vmid: 101, kind: 'lxc', name: '101', node: 'pve1', running: false, startupOrder: null, sid: null },
      {
        ...common,
        vmid: 202,
        kind: 'qemu',
        name: 'vm-202',
        node: 'pve2',
        running: true,
        startupOrder: null,
        sid: null,
      },
    ]);
    expect(site.ha).toEqual({
      armed: 'armed',
      active: true,
      requested: { 'vm:100': 'started', 'vm:202': 'ignored' },
    });
  });

  it('shows a node that is off, and what the lists of the cluster know of its guests', async () => {
    const site = await read({ pve2: 'off' });
    expect(site.nodes[1]).toMatchObject({ name: 'pve2', online: false, health: null });
    expect(site.guests.at(-1)).toMatchObject({ vmid: 202, running: true, lock: 'backup', startupOrder: null });
  });

  it('shows what a node without an API says of its guests over SSH', async () => {
    const site = await read({ pve2: 'without API' });
    expect(site.guests.at(-1)).toMatchObject({ vmid: 202, running: false, lock: 'backup' });
  });

  it.each([
    ['45 seconds', {}],
    ['16 seconds', { within: '16 seconds' }],
    ['6 seconds', { within: '6 seconds' }],
  ] as const)('is read within %s though a node hangs', async (longest, input) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    let site: SiteBefore | undefined;
    void read({ pve2: 'hangs' }, input).then((read) => (site = read));
    await vi.advanceTimersByTimeAsync(toMilliseconds(longest) + 10);
    if (site === undefined) throw new Error('nothing was read in time');
    expect(site.nodes).toMatchObject([{ health: { bootId: 'pve1-boot-1' } }, { online: true, health: null }]);
    expect(site.guests.map(({ vmid, running }) => [vmid, running])).toEqual([
      [100, true],
      [101, false],
      [202, true],
    ]);
  });

  it('counts one vote a node when no node tells over SSH', async () => {
    const site = await read({ ssh: 'dead' });
    expect(site.quorum).toEqual({
      ...{ quorate: true, expectedVotes: 3, quorum: 2, qdevice: { votes: 1, connected: false } },
    });
    expect(site.nodes.map(({ votes }) => votes)).toEqual([1, 1]);
  });

  it('has no watchdog at work without HA, or with HA that is disarmed', async () => {
    expect((await read()).ha).toEqual({ armed: null, active: false, requested: {} });
    expect((await read({ lrm: 'active' })).ha.active).toBe(true);
    expect((await read({ ha: { 'vm:100': 'stopped' } })).ha.active).toBe(false);
    expect((await read({ ha: { 'vm:100': 'started' }, armed: 'disarmed', lrm: 'active' })).ha.active).toBe(false);
  });

  it('cannot be read when no node answers, which may pass', async () => {
    await expect(read({ all: 'dead' })).rejects.toMatchObject({ type: 'RemoteUnavailable', nonRetryable: false });
  });
});
