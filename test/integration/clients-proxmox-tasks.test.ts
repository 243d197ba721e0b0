import { describe, expect, it } from 'vitest';
import type { Reply, Request } from './clients-api-server.ts';
import { api, client, failure, guest, upid } from './clients-proxmox-setup.ts';

describe('tasks', () => {
  interface FakeTask {
    readonly exitstatus: string;
    readonly log: readonly string[];
  }
  /** Says "running" twice, then how the task ended. */
  function taskServer(task: FakeTask, before: readonly Reply[] = []): (request: Request) => Reply {
    let polls = 0;
    return ({ path }) => {
      if (path.includes('/log?')) {
        const start = Number(/start=(\d+)/.exec(path)?.[1]);
        const shown = polls > 2 ? task.log : task.log.slice(0, 1);
        const lines = shown.map((t, index) => ({ n: index + 1, t })).slice(start, start + 500);
        return { data: shown.length === 0 ? [{ n: 1, t: 'no content' }] : lines };
      }
      polls += 1;
      const early = before[polls - 1];
      if (early !== undefined) return early;
      return {
        data: polls > 2 + before.length ? { status: 'stopped', exitstatus: task.exitstatus } : { status: 'running' },
      };
    };
  }

  it.each([
    ['OK', 'ok', 0],
    ['WARNINGS: 3', 'warnings', 3],
    ['migration aborted', 'failed', 0],
    ['unexpected status', 'lost', 0],
  ])('follows a task to its end %s as %s', async (exitstatus, status, warnings) => {
    const log = Array.from({ length: 1_203 }, (_, index) => `line ${index}`);
    const server = await api(taskServer({ exitstatus, log }));
    const heard: string[] = [];
    const result = await client([{ node: 'pve1', port: server.port }])
      .task(upid(1, 'qmigrate', '100'))
      .follow({ onLog: (line) => heard.push(line) });
    expect(result).toEqual({ status, exitstatus, warnings, log: log.slice(-50) });
    expect(heard).toEqual(log);
  });

  it('waits for a node that is down while its task is followed, but not for ever', async () => {
    const down: Reply = { status: 595, reason: 'No route to host' };
    const server = await api(taskServer({ exitstatus: 'unexpected status', log: ['a'] }, [down, down, down, down]));
    const pve = client([{ node: 'pve1', port: server.port }]);
    expect((await pve.task(upid(1, 'qmigrate', '100')).follow()).status).toBe('lost');
    const dead = await api(() => down);
    const impatient = client([{ node: 'pve1', port: dead.port }]);
    const error = await failure(impatient.task(upid(1, 'qmigrate', '100')).follow({ tolerateUnreachableMs: 20 }));
    expect(error.status).toBe(595);
  });

  it('finds the task that a lost answer has started, instead of starting a second', async () => {
    const old = { upid: upid(1, 'qmigrate', '100'), endtime: 1, status: 'OK' };
    const foreign = { upid: upid(8, 'qmigrate', '101'), status: 'RUNNING' };
    const fresh = { upid: upid(9, 'qmigrate', '100', 0x6921c100), status: 'RUNNING' };
    let posted = 0;
    let searches = 0;
    const server = await api(({ method }) => {
      if (method === 'POST') {
        posted += 1;
        return { status: 596, reason: 'Connection timed out' };
      }
      if (posted > 0) searches += 1;
      return { data: searches > 1 ? [foreign, old, fresh] : [old] };
    });
    const pve = client([{ node: 'pve1', port: server.port }]);
    const post = () => pve.migrateGuest(guest, { target: 'pve1', online: true });
    expect(await pve.startTask({ node: 'pve2', type: 'qmigrate', id: '100', post })).toBe(fresh.upid);
    expect(posted).toBe(1);
    expect(server.requests.find((request) => request.method === 'POST')?.body).toBe('target=pve1&online=1');
  });

  it('says unknown only after looking for the task in vain', async () => {
    const server = await api(({ method }) => (method === 'POST' ? 'reset' : { data: [] }));
    const pve = client([{ node: 'pve1', port: server.port }]);
    const start = pve.startTask({ node: 'pve2', type: 'qmstart', id: '100', post: () => pve.startGuest(guest) });
    expect((await failure(start)).outcome).toBe('unknown');
    expect(server.requests.filter((request) => request.method === 'POST')).toHaveLength(1);
    expect(server.requests.filter((request) => request.method === 'GET').length).toBeGreaterThan(2);
  });

  it('finds the newest running task of a guest', async () => {
    const running = { upid: upid(7, 'qmigrate', '100'), status: 'RUNNING' };
    const server = await api(() => ({
      data: [{ upid: upid(1, 'qmigrate', '100'), endtime: 5, status: 'OK' }, running],
    }));
    const pve = client([{ node: 'pve1', port: server.port }]);
    expect(await pve.findRunningTask({ node: 'pve2', type: 'qmigrate', id: '100' })).toBe(running.upid);
    expect(server.requests[0]?.path).toBe('/nodes/pve2/tasks?source=active&typefilter=qmigrate&vmid=100');
    expect(await pve.findRunningTask({ node: 'pve2', type: 'vzmigrate', id: '100' })).toBeUndefined();
  });
});

describe('guests', () => {
  it('tells where a guest runs by its node, also when it moves in between', async () => {
    let node = 'pve1';
    const server = await api(({ path }) => {
      if (path.startsWith('/cluster/resources')) {
        return { data: [{ type: 'qemu', id: 'qemu/100', vmid: 100, node, name: 'web', status: 'unknown' }] };
      }
      if (path.startsWith('/nodes/pve1/')) {
        node = 'pve2';
        return { status: 500, reason: "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist" };
      }
      return { data: { vmid: 100, status: 'running', uptime: '12', ha: { managed: 1, state: 'started' } } };
    });
    const pve = client([{ node: 'pve9', port: server.port }]);
    expect(await pve.guestLocation(100)).toEqual({
      type: 'qemu',
      vmid: 100,
      node: 'pve2',
      name: 'web',
      status: 'running',
      running: true,
      lock: undefined,
      haManaged: true,
    });
    expect(await pve.guestLocation(999)).toBeUndefined();
  });

  it.each([
    [595, ''],
    [500, "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist"],
  ])('knows the place and not the state of a guest whose node answers %i %s for long', async (status, reason) => {
    const server = await api(({ path }) =>
      path.startsWith('/cluster/resources')
        ? { data: [{ type: 'qemu', id: 'qemu/100', vmid: 100, node: 'pve1', name: 'web', status: 'running' }] }
        : { status, reason, raw: '' },
    );
    const pve = client([{ node: 'pve9', port: server.port }]);
    expect(await pve.guestLocation(100)).toMatchObject({ node: 'pve1', status: 'unknown' });
  });

  it.each<[string, unknown]>([
    ['a property string', 'shutdown_policy=migrate'],
    ['an object', { shutdown_policy: 'migrate' }],
  ])('reads the options of the cluster with HA as %s', async (_, ha) => {
    const server = await api(() => ({ data: { ha, max_workers: 4 } }));
    const pve = client([{ node: 'pve1', port: server.port }]);
    expect(await pve.clusterOptions()).toMatchObject({ haShutdownPolicy: 'migrate', maxWorkers: 4 });
  });

  it('reads the migration preconditions of VMs and containers into one shape', async () => {
    const server = await api(({ path }) => {
      const blocking = { 'blocking-ha-resources': [{ sid: 'vm:101', cause: 'resource-affinity' }] };
      if (path.includes('/lxc/')) {
        return { data: { running: 1, 'allowed-nodes': ['pve1'], 'not-allowed-nodes': { pve3: blocking } } };
      }
      return {
        data: {
          running: 0,
          allowed_nodes: ['pve1'],
          not_allowed_nodes: { pve3: { unavailable_storages: ['fast'], ...blocking } },
          local_disks: [{ volid: 'local:100/disk', cdrom: 0 }],
          local_resources: ['hostpci0'],
        },
      };
    });
    const pve = client([{ node: 'pve1', port: server.port }]);
    const ha = [{ sid: 'vm:101', cause: 'resource-affinity' }];
    expect(await pve.migratePreconditions(guest, 'pve1')).toEqual({
      allowedNodes: ['pve1'],
      notAllowed: new Map([['pve3', { storages: ['fast'], resources: [], ha }]]),
      running: false,
      localDisks: ['local:100/disk'],
      localImages: [],
      localResources: ['hostpci0'],
      mappedResources: [],
      dependentHaResources: [],
    });
    expect(await pve.migratePreconditions({ ...guest, type: 'lxc' })).toMatchObject({
      allowedNodes: ['pve1'],
      notAllowed: new Map([['pve3', { storages: [], resources: [], ha }]]),
      running: true,
      localDisks: [],
    });
    expect(server.requests.map((request) => request.path)).toEqual([
      '/nodes/pve2/qemu/100/migrate?target=pve1',
      '/nodes/pve2/lxc/100/migrate',
    ]);
  });

  it('reads a guest configuration with its startup order and agent', async () => {
    const data = {
      name: 'web',
      onboot: 1,
      startup: 'order=2,up=30',
      agent: 'enabled=1,fstrim_cloned_disks=1',
      tags: 'a;b',
      memory: '4096',
      scsi0: 'local-zfs:x',
    };
    const server = await api(() => ({ data }));
    const config = await client([{ node: 'pve1', port: server.port }]).guestConfig(guest);
    expect(config).toMatchObject({
      name: 'web',
      onBoot: true,
      startup: { order: 2, up: 30 },
      agent: true,
      tags: ['a', 'b'],
      memory: 4096,
    });
    expect(config.raw['scsi0']).toBe('local-zfs:x');
  });
});

describe('HA', () => {
  it('reads the manager status with maintenance requests and where services go back to', async () => {
    const data = {
      manager_status: {
        master_node: 'pve1',
        timestamp: 1_800_000_000,
        node_status: { pve1: 'online', pve2: 'maintenance' },
        node_request: { pve2: { maintenance: 1 } },
        service_status: {
          'vm:101': { node: 'pve1', state: 'started', uid: 'x', running: 1, maintenance_node: 'pve2' },
        },
      },
      quorum: { node: 'pve1', quorate: '1' },
      lrm_status: { pve1: { mode: 'active', state: 'active', results: {}, timestamp: 1_800_000_001 } },
    };
    const server = await api(() => ({ data }));
    const status = await client([{ node: 'pve1', port: server.port }]).haManagerStatus();
    expect(status.nodes.get('pve2')).toBe('maintenance');
    expect(status.maintenanceRequested).toEqual(new Set(['pve2']));
    expect(status).toMatchObject({ master: 'pve1', quorate: true, disarmed: false });
    expect(status.services).toEqual([
      { sid: 'vm:101', node: 'pve1', state: 'started', running: true, target: undefined, maintenanceNode: 'pve2' },
    ]);
    expect(status.lrm.get('pve1')).toEqual({ mode: 'active', state: 'active', timestamp: 1_800_000_001 });
  });

  it('reads the empty manager status of a cluster that never used HA', async () => {
    const server = await api(() => ({ data: { manager_status: {}, quorum: { quorate: '1' }, lrm_status: {} } }));
    const status = await client([{ node: 'pve1', port: server.port }]).haManagerStatus();
    expect(status).toMatchObject({ master: undefined, services: [], quorate: true });
    expect(status.nodes.size).toBe(0);
  });
});
