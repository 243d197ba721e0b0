import { describe, expect, it } from 'vitest';
import { requestPower } from '../../lab/cluster/node.ts';
import { containerSpec, smallSite, vmSpec } from '../../lab/site.ts';
import type { Site } from '../../lab/site.ts';
import { stillCluster } from './lab-support.ts';
import type { StillCluster } from './lab-support.ts';

const LIVE = { target: 'pve2', online: true, withLocalDisks: true } as const;

function withGuests(...guests: Site['guests'][number][]): Site {
  return smallSite({ overrides: { guests, replication: [] } });
}

function guest({ cluster }: StillCluster, vmid: number) {
  const found = cluster.guests.get(vmid);
  if (!found) throw new Error(`no guest ${vmid}`);
  return found;
}

describe('tasks', () => {
  it('name themselves by a UPID of nine fields that carries the caller’s token', async () => {
    const still = await stillCluster(smallSite());
    const task = still.cluster.migrateGuestTask(guest(still, 201), 'caretaker@pve!operator', LIVE);
    expect(task.upid).toMatch(/^UPID:pve1:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:qmigrate:201:caretaker@pve!operator:$/);
    expect(task.upid.split(':')).toHaveLength(9);
  });

  it('end as `unexpected status` without a last line when their node dies', async () => {
    const still = await stillCluster(smallSite());
    const task = still.cluster.migrateGuestTask(guest(still, 201), 'root@pam', LIVE);
    await still.clock.advance(2_000);
    still.cluster.node('pve1').machine.powerCut('test');
    await task.done;
    expect(task.exitStatus).toBe('unexpected status');
    expect(task.lines.some((line) => line.startsWith('TASK '))).toBe(false);
    expect(guest(still, 201)).toMatchObject({ node: 'pve1', lock: 'migrate', running: false });
  });

  it('end with the fault’s text when a fault strikes them', async () => {
    const still = await stillCluster(smallSite());
    still.faults.once((point) => (point.at === 'task' ? { do: 'error', reason: 'migration problems' } : undefined));
    const task = still.cluster.migrateGuestTask(guest(still, 201), 'root@pam', LIVE);
    await task.done;
    expect(task.lines.at(-1)).toBe('TASK ERROR: migration problems');
  });
});

describe('migration', () => {
  it('moves a VM live and turns its replication job around', async () => {
    const still = await stillCluster(smallSite());
    const task = still.cluster.migrateGuestTask(guest(still, 201), 'root@pam', LIVE);
    await still.clock.advance(60_000);
    expect(task.exitStatus).toBe('OK');
    expect(guest(still, 201)).toMatchObject({ node: 'pve2', lock: undefined, running: true });
    expect(still.cluster.replication.find((job) => job.guest === 201)?.target).toBe('pve1');
    expect(still.monitor.report().guestDowntimeMs).toEqual({});
  });

  it('moves a container by stopping and starting it', async () => {
    const still = await stillCluster(smallSite());
    const task = still.cluster.migrateGuestTask(guest(still, 101), 'root@pam', { target: 'pve2', restart: true });
    await still.clock.advance(60_000);
    expect(task.exitStatus).toBe('OK');
    expect(guest(still, 101)).toMatchObject({ node: 'pve2', running: true });
    expect(still.monitor.report().guestDowntimeMs['lxc/101']).toBeGreaterThan(0);
  });

  it('refuses to live-migrate a replicated VM anywhere but to its replication target', async () => {
    const still = await stillCluster(smallSite({ nodes: 3 }));
    expect(() => still.cluster.migrateGuestTask(guest(still, 201), 'root@pam', { ...LIVE, target: 'pve3' })).toThrow(
      `Cannot live-migrate replicated VM to node 'pve3' - not a replication target. Use 'force' to override.`,
    );
  });

  it.each([
    { options: { target: 'pve1' }, message: 'Parameter verification failed.' },
    { options: { target: 'pve9' }, message: `no such cluster node 'pve9'` },
    { options: { target: 'pve2' }, message: `can't migrate running VM without --online` },
  ])('refuses $options before any task: $message', async ({ options, message }) => {
    const still = await stillCluster(smallSite());
    expect(() => still.cluster.migrateGuestTask(guest(still, 201), 'root@pam', options)).toThrow(message);
    expect(still.cluster.tasks.all).toEqual([]);
  });

  it.each([
    {
      why: 'a passed-through device',
      spec: vmSpec(300, 'gpu', 'pve1', { devices: { hostpci0: '0000:03:00.0' } }),
      options: LIVE,
      message: `can't migrate VM which uses local devices: hostpci0`,
    },
    {
      why: 'local disks without the option',
      spec: vmSpec(300, 'big', 'pve1'),
      options: { target: 'pve2', online: true },
      message: `can't live migrate attached local disks without with-local-disks option`,
    },
    {
      why: 'a bind mount',
      spec: containerSpec(300, 'media', 'pve1', { bindMounts: { mp0: '/srv/media,mp=/media' } }),
      options: { target: 'pve2', restart: true },
      message: `cannot migrate local bind mount point 'mp0'`,
    },
    {
      why: 'a live migration of a container',
      spec: containerSpec(300, 'ct', 'pve1'),
      options: { target: 'pve2', online: true },
      message: 'lxc live migration is currently not implemented',
    },
  ])('fails in the task because of $why', async ({ spec, options, message }) => {
    const still = await stillCluster(withGuests(spec));
    const task = still.cluster.migrateGuestTask(guest(still, 300), 'root@pam', options);
    await task.done;
    expect(task.exitStatus).toBe(message);
    expect(guest(still, 300)).toMatchObject({ node: 'pve1', running: true });
  });

  it('refuses a guest that a running backup has locked', async () => {
    const still = await stillCluster(smallSite());
    const backup = still.cluster.backupTask(still.cluster.node('pve1'), [guest(still, 201)], 'root@pam');
    await still.clock.advance(1_000);
    expect(() => still.cluster.migrateGuestTask(guest(still, 201), 'root@pam', LIVE)).toThrow('VM is locked (backup)');
    await still.clock.advance(120_000);
    expect(backup.exitStatus).toBe('OK');
    expect(guest(still, 201).lock).toBeUndefined();
  });

  it('aborts when the target dies and leaves the VM running where it was', async () => {
    const still = await stillCluster(smallSite());
    const task = still.cluster.migrateGuestTask(guest(still, 201), 'root@pam', LIVE);
    await still.clock.advance(2_000);
    still.cluster.node('pve2').machine.powerCut('test');
    await task.done;
    expect(task.exitStatus).toBe('migration aborted');
    expect(guest(still, 201)).toMatchObject({ node: 'pve1', lock: undefined, running: true });
  });
});

describe('a node without quorum', () => {
  it('can neither start nor migrate nor back up', async () => {
    const still = await stillCluster(smallSite());
    still.cluster.node('pve2').machine.powerCut('test');
    expect(still.cluster.quorate).toBe(false);
    const backup = still.cluster.backupTask(still.cluster.node('pve1'), [guest(still, 201)], 'root@pam');
    await backup.done;
    expect(backup.exitStatus).toBe('cluster not ready - no quorum?');
    still.cluster.stopGuestTask(guest(still, 201), 'root@pam');
    await still.clock.advance(1_000);
    const start = still.cluster.startGuestTask(guest(still, 201), 'root@pam');
    await start.done;
    expect(start.exitStatus).toBe('cluster not ready - no quorum?');
  });
});

describe('a reboot', () => {
  it('stops guests in reverse order, changes boot id, and starts onboot guests in order once quorate', async () => {
    const guests = [
      containerSpec(301, 'first', 'pve1', { startup: 'order=1,up=30' }),
      containerSpec(302, 'second', 'pve1', { startup: 'order=2' }),
      containerSpec(303, 'manual', 'pve1', { onboot: false }),
    ];
    const still = await stillCluster(withGuests(...guests));
    const node = still.cluster.node('pve1');
    const before = node.machine.bootId;
    requestPower(still.cluster, node, 'reboot', 'api:root@pam');
    await still.clock.advance(300_000);
    expect(node.machine.bootId).not.toBe(before);
    const subjects = (action: string) => still.log.of(action).map((event) => event.subject);
    expect(subjects('guest.stop').slice(-2)).toEqual(['lxc/302', 'lxc/301']);
    expect(subjects('guest.start')).toEqual(['lxc/301', 'lxc/302']);
    const [first, second] = still.log.of('guest.start').map((event) => Date.parse(event.at));
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(30_000);
    expect(still.cluster.tasks.of('pve1').find((task) => task.type === 'startall')?.exitStatus).toBe('OK');
    expect(still.monitor.violations()).toEqual([]);
    expect(still.monitor.report().reboots).toEqual({ 'node/pve1': 1 });
  });

  it('waits with its guests until the cluster is quorate', async () => {
    const still = await stillCluster(smallSite());
    for (const node of still.cluster.nodes.values()) node.machine.powerCut('test');
    still.cluster.node('pve1').machine.powerOn();
    await still.clock.advance(300_000);
    expect(guest(still, 101).running).toBe(false);
    const startall = still.cluster.tasks.of('pve1').find((task) => task.type === 'startall');
    expect(startall).toMatchObject({ running: true, lines: ['waiting for quorum ...'] });
    still.cluster.node('pve2').machine.powerOn();
    await still.clock.advance(200_000);
    expect(guest(still, 101).running).toBe(true);
  });
});

describe('pvestatd', () => {
  it('tells a guest’s state up to ten seconds late and calls it unknown while its node is away', async () => {
    const still = await stillCluster(smallSite());
    still.cluster.stopGuestTask(guest(still, 201), 'root@pam');
    await still.clock.advance(100);
    expect(guest(still, 201).running).toBe(false);
    expect(still.cluster.stats.guest(201, 'pve1')?.status).toBe('running');
    await still.clock.advance(10_000);
    expect(still.cluster.stats.guest(201, 'pve1')?.status).toBe('stopped');
    still.cluster.node('pve1').machine.powerCut('test');
    expect(still.cluster.stats.guest(201, 'pve1')).toBeUndefined();
  });
});

describe('the monitor', () => {
  it('reports a node that is taken away while another one is away', async () => {
    const still = await stillCluster(smallSite({ nodes: 3 }));
    still.cluster.node('pve1').machine.powerCut('test');
    requestPower(still.cluster, still.cluster.node('pve2'), 'shutdown', 'api:root@pam');
    await still.clock.advance(60_000);
    expect(still.monitor.violations()).toHaveLength(1);
    expect(still.monitor.violations()[0]).toContain('node/pve2 was taken away while node/pve1 was away');
    expect(still.monitor.report().mostNodesAway).toBe(2);
  });
});
