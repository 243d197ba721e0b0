import { describe, expect, it } from 'vitest';
import { errorFromAnswer } from '../../clients/proxmox/errors.ts';
import type {
  GuestConfig,
  GuestResource,
  GuestStatus,
  HaResource,
  MigratePreconditions,
  NodeStatus,
  ProxmoxClient,
} from '../../clients/proxmox/index.ts';
import { activitiesOver, activityEnvironment, answered, fakeDeps } from '../helpers/fake-deps.ts';

const VOTES = `Quorate:          Yes
Expected votes:   3
Total votes:      3
Quorum:           2
Flags:            Quorate Qdevice

0x00000001          1    A,V,NMW 192.0.2.11 (local)
0x00000002          1  NA,NV,NMW 192.0.2.12
0x00000000          1            Qdevice
`;

function listed(vmid: number, node: string): GuestResource {
  return {
    ...{ type: 'qemu', vmid, node, name: `vm-${vmid}`, status: 'running', template: false, tags: [] },
    ...{ maxCpu: 1, memory: 1, maxMemory: 1, maxDisk: 1, uptime: 1, lock: undefined, haState: undefined },
  };
}

function running(): GuestStatus {
  return {
    ...{ status: 'running', running: true, qmpStatus: 'running', lock: undefined, uptime: 1 },
    ...{ haManaged: false, haState: undefined, agent: false, runningQemu: undefined },
  };
}

const SERVICE: HaResource = {
  ...{ sid: 'vm:102', state: 'stopped', group: undefined },
  ...{ failback: undefined, maxRelocate: undefined, maxRestart: undefined },
};

function aConfig(onBoot: boolean): GuestConfig {
  return {
    ...{ name: undefined, onBoot, protection: false, template: false, tags: [], lock: undefined },
    ...{ startup: {}, agent: false, memory: undefined, raw: {} },
  };
}

const FREE_TO_MOVE: MigratePreconditions = {
  ...{ allowedNodes: ['pve2'], notAllowed: new Map(), running: true, localDisks: [], localImages: [] },
  ...{ localResources: [], mappedResources: [], dependentHaResources: [] },
};

const A_NODE: NodeStatus = {
  ...{ uptime: 1, kernel: undefined, pveVersion: undefined, loadAverage: [], cpus: 24, cpuModel: undefined },
  ...{ memoryTotal: 1, memoryUsed: 1, rootTotal: 1, rootAvailable: 1 },
};

function goneFrom(node: string): Error {
  const path = `/nodes/${node}/qemu/100/status/current`;
  const statusText = `Configuration file 'nodes/${node}/qemu-server/100.conf' does not exist`;
  return errorFromAnswer({ method: 'GET', path, endpoint: 'pve1' }, { status: 500, statusText, body: '' });
}

/** A pair whose list shows the guests of each look in turn, the last for ever. */
function aPair(guestStatus: ProxmoxClient['guestStatus'], ...lists: GuestResource[][]): Partial<ProxmoxClient> {
  const member = { address: undefined, online: true, local: false };
  return {
    clusterStatus: () =>
      Promise.resolve({
        name: 'homelab',
        quorate: true,
        nodes: ['pve1', 'pve2'].map((name, index) => ({ ...member, name, nodeId: index + 1 })),
      }),
    resources: () => {
      const guests = (lists.length > 1 ? lists.shift() : lists[0]) ?? [];
      return Promise.resolve({ nodes: [], guests, storages: [] });
    },
    haManagerStatus: () =>
      Promise.resolve({
        ...{ master: undefined, timestamp: undefined, quorate: true, services: [], disarmed: false },
        ...{ nodes: new Map(), maintenanceRequested: new Set(), lrm: new Map() },
      }),
    haStatus: () => Promise.resolve([]),
    haResources: () => Promise.resolve([]),
    haRules: () => Promise.resolve([]),
    guestStatus,
  };
}

function read(proxmox: Partial<ProxmoxClient>) {
  const { readCluster } = activitiesOver(fakeDeps({ proxmox, exec: () => answered(VOTES) }));
  return activityEnvironment().run(readCluster, { leaving: [] });
}

describe('the picture of the cluster', () => {
  it('shows a guest where it is now that moved between the list and its own word', async () => {
    const status: ProxmoxClient['guestStatus'] = ({ node }) =>
      node === 'pve1' ? Promise.reject(goneFrom(node)) : Promise.resolve(running());
    const { guests } = await read(aPair(status, [listed(100, 'pve1')], [listed(100, 'pve2')]));
    expect(guests).toMatchObject([{ vmid: 100, node: 'pve2', running: true }]);
  });

  it('shows a guest that is locked without asking what else holds it, for Proxmox would not say', async () => {
    const status: ProxmoxClient['guestStatus'] = () => Promise.resolve({ ...running(), lock: 'backup' });
    const { readCluster } = activitiesOver(
      fakeDeps({ proxmox: aPair(status, [listed(100, 'pve1')]), exec: () => answered(VOTES) }),
    );
    const { guests } = await activityEnvironment().run(readCluster, { leaving: ['pve1'] });
    expect(guests).toMatchObject([{ vmid: 100, lock: 'backup', obstacles: [] }]);
  });

  it.each([
    ['host', ['pve2']],
    ['cputype=max,flags=+aes', ['pve2']],
    ['x86-64-v2-AES', []],
    [undefined, []],
  ])('says of a running VM of CPU type %s where it would meet another model of CPU: %j', async (cpu, targets) => {
    const guest = { ...aConfig(true), raw: cpu === undefined ? {} : { cpu } };
    const proxmox: Partial<ProxmoxClient> = {
      ...aPair(() => Promise.resolve(running()), [listed(100, 'pve1')]),
      guestConfig: () => Promise.resolve(guest),
      replications: () => Promise.resolve([]),
      migratePreconditions: () => Promise.resolve(FREE_TO_MOVE),
      nodeStatus: (node) => Promise.resolve({ ...A_NODE, cpuModel: node === 'pve1' ? 'E5-2690 v2' : 'E5-2630L' }),
    };
    const { readCluster } = activitiesOver(fakeDeps({ proxmox, exec: () => answered(VOTES) }));
    const { guests } = await activityEnvironment().run(readCluster, { leaving: ['pve1'] });
    expect(guests[0]?.obstacles.map(({ code, target }) => [code, target])).toEqual(
      targets.map((target) => ['cpu-model', target]),
    );
  });

  it('says of stopped guests of the nodes in question, but for those under HA, whether a boot starts them', async () => {
    const status: ProxmoxClient['guestStatus'] = () =>
      Promise.resolve({ ...running(), status: 'stopped', running: false });
    const guests = [listed(100, 'pve1'), listed(101, 'pve1'), listed(102, 'pve1'), listed(103, 'pve2')];
    const proxmox: Partial<ProxmoxClient> = {
      ...aPair(status, guests),
      haResources: () => Promise.resolve([SERVICE]),
      guestConfig: ({ vmid }) => Promise.resolve(aConfig(vmid !== 101)),
    };
    const { readCluster } = activitiesOver(fakeDeps({ proxmox, exec: () => answered(VOTES) }));
    const snapshot = await activityEnvironment().run(readCluster, { leaving: ['pve1'] });
    expect(snapshot.guests.filter(({ startsAtBoot }) => startsAtBoot).map(({ vmid }) => vmid)).toEqual([100]);
  });

  it('leaves out a guest that was deleted between the list and its own word', async () => {
    const status: ProxmoxClient['guestStatus'] = ({ vmid, node }) =>
      vmid === 100 ? Promise.reject(goneFrom(node)) : Promise.resolve(running());
    const lists = [[listed(100, 'pve1'), listed(101, 'pve1')], [listed(101, 'pve1')]];
    expect((await read(aPair(status, ...lists))).guests.map(({ vmid }) => vmid)).toEqual([101]);
  });

  it('is asked for again later when the list stays outdated', async () => {
    let asked = 0;
    const status: ProxmoxClient['guestStatus'] = ({ node }) => {
      asked += 1;
      return Promise.reject(goneFrom(node));
    };
    await expect(read(aPair(status, [listed(100, 'pve1')]))).rejects.toMatchObject({
      type: 'RemoteUnavailable',
      nonRetryable: false,
    });
    expect(asked).toBe(3);
  });

  it('takes a QDevice that votes for one of two nodes only as not connected, in plain JSON', async () => {
    const { quorum } = await read(aPair(() => Promise.resolve(running()), []));
    expect(quorum.qdevice).toEqual({ votes: 1, connected: false });
  });
});
