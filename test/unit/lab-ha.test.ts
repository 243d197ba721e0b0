import { describe, expect, it } from 'vitest';
import { haStatus, managerStatus } from '../../lab/cluster/ha-status.ts';
import { requestPower } from '../../lab/cluster/node.ts';
import { stopAll } from '../../lab/cluster/startup.ts';
import { containerSpec, smallSite } from '../../lab/site.ts';
import { runCommand, stillCluster } from './lab-support.ts';
import type { StillCluster } from './lab-support.ts';

const HA = { ha: true } as const;
const SECONDS = 1000;
const MINUTES = 60 * SECONDS;

function nodesOf({ cluster }: StillCluster): Record<number, string> {
  return Object.fromEntries([...cluster.guests.values()].map((guest) => [guest.vmid, guest.node]));
}

function maintenance(still: StillCluster, action: 'enable' | 'disable', node: string, on = 'pve1') {
  return runCommand(still.cluster, on, 'ha-manager', 'crm-command', 'node-maintenance', action, node);
}

function lrmText({ cluster }: StillCluster, node: string): string {
  const entry = haStatus(cluster, cluster.node('pve1')).find((candidate) => candidate['id'] === `lrm:${node}`);
  return /^\S+ \(([^,)]+)/.exec(String(entry?.['status']))?.[1] ?? '';
}

describe('self-fencing', () => {
  it('resets an HA-active node exactly 60 seconds after it lost quorum, and not before', async () => {
    const still = await stillCluster(smallSite(HA));
    await still.clock.advance(15 * SECONDS);
    still.cluster.node('pve2').machine.powerCut('test');
    await still.clock.advance(59_999);
    expect(still.cluster.node('pve1').machine.power).toBe('on');
    await still.clock.advance(1);
    expect(still.cluster.node('pve1').machine.power).toBe('booting');
    expect(still.monitor.report().fenced).toEqual(['node/pve1']);
  });

  it('leaves a node without HA services alone', async () => {
    const still = await stillCluster(smallSite());
    still.cluster.node('pve2').machine.powerCut('test');
    await still.clock.advance(10 * MINUTES);
    expect(still.cluster.node('pve1').machine.power).toBe('on');
    expect(still.monitor.report()).toMatchObject({ fenced: [], quorumLost: 1 });
  });

  it('does not happen when quorum comes back in time', async () => {
    const still = await stillCluster(smallSite({ ...HA, nodes: 2, qdevice: true }));
    still.cluster.setQdevice(false);
    still.cluster.node('pve2').machine.powerCut('test');
    await still.clock.advance(50 * SECONDS);
    still.cluster.setQdevice(true);
    await still.clock.advance(5 * MINUTES);
    expect(still.monitor.report().fenced).toEqual([]);
  });
});

describe('the command queue', () => {
  it('moves an HA guest in later rounds, by a worker of the LRM', async () => {
    const still = await stillCluster(smallSite({ ...HA, nodes: 3 }));
    const { code } = await runCommand(still.cluster, 'pve3', 'ha-manager', 'migrate', 'vm:201', 'pve2');
    expect(code).toBe(0);
    expect(nodesOf(still)[201]).toBe('pve1');
    expect(still.cluster.tasks.all).toEqual([]);
    await still.clock.advance(90 * SECONDS);
    expect(nodesOf(still)[201]).toBe('pve2');
    expect(still.cluster.tasks.of('pve1').map((task) => `${task.type} ${task.user}`)).toEqual(['qmigrate root@pam']);
  });

  it('relocates by stopping here and starting there', async () => {
    const still = await stillCluster(smallSite({ ...HA, nodes: 3 }));
    await runCommand(still.cluster, 'pve1', 'ha-manager', 'relocate', 'vm:201', 'pve2');
    await still.clock.advance(2 * MINUTES);
    expect(nodesOf(still)[201]).toBe('pve2');
    expect(still.cluster.guests.get(201)?.running).toBe(true);
    expect(still.cluster.tasks.all.map((task) => `${task.node} ${task.type}`)).toEqual([
      'pve1 qmshutdown',
      'pve1 qmigrate',
      'pve2 qmstart',
    ]);
  });

  it('ignores without a word to the caller a move to a node that is not online', async () => {
    const still = await stillCluster(smallSite({ ...HA, nodes: 3 }));
    still.cluster.node('pve2').machine.powerCut('test');
    await still.clock.advance(15 * SECONDS);
    const { code } = await runCommand(still.cluster, 'pve1', 'ha-manager', 'migrate', 'vm:201', 'pve2');
    expect(code).toBe(0);
    await still.clock.advance(5 * MINUTES);
    expect(nodesOf(still)[201]).toBe('pve1');
    expect(still.log.of('ha.ignored').map((event) => event.detail['why'])).toEqual([
      `ignore service 'vm:201' migrate request - node 'pve2' not online`,
    ]);
  });

  it('is read-only without quorum', async () => {
    const still = await stillCluster(smallSite());
    still.cluster.node('pve2').machine.powerCut('test');
    expect(await maintenance(still, 'enable', 'pve1')).toMatchObject({
      code: 255,
      err: 'cluster not ready - no quorum?\n',
    });
  });
});

describe('node maintenance', () => {
  it('moves HA guests away, leaves others alone, and brings the moved ones back when it ends', async () => {
    const site = smallSite({ ...HA, nodes: 3 });
    const plain = containerSpec(300, 'plain', 'pve2');
    const still = await stillCluster({ ...site, guests: [...site.guests, plain] });
    const before = nodesOf(still);
    await maintenance(still, 'enable', 'pve2');
    await still.clock.advance(3 * MINUTES);
    expect(lrmText(still, 'pve2')).toBe('maintenance mode');
    expect(managerStatus(still.cluster, still.cluster.node('pve1'))).toMatchObject({
      manager_status: { node_status: { pve2: 'maintenance' }, node_request: { pve2: { maintenance: 1 } } },
    });
    expect(still.cluster.guestsOn('pve2').map((guest) => guest.vmid)).toEqual([300]);
    await maintenance(still, 'disable', 'pve2');
    await still.clock.advance(3 * MINUTES);
    expect(nodesOf(still)).toEqual(before);
    expect(still.log.of('ha.moveback').map((event) => event.detail['message'])).toContain(
      `moving service 'vm:202' back to 'pve2', node came back from maintenance.`,
    );
  });

  it('shows maintenance mode before the node is empty', async () => {
    const still = await stillCluster(smallSite({ ...HA, nodes: 3 }));
    await maintenance(still, 'enable', 'pve2');
    await still.clock.advance(21 * SECONDS);
    expect(lrmText(still, 'pve2')).toBe('maintenance mode');
    expect(still.cluster.guestsOn('pve2')).not.toEqual([]);
  });

  it('survives a reboot of the node', async () => {
    const still = await stillCluster(smallSite({ ...HA, nodes: 3 }));
    await maintenance(still, 'enable', 'pve2');
    await still.clock.advance(3 * MINUTES);
    requestPower(still.cluster, still.cluster.node('pve2'), 'reboot', 'api:root@pam');
    await still.clock.advance(5 * MINUTES);
    expect(still.cluster.node('pve2').joined).toBe(true);
    expect(lrmText(still, 'pve2')).toBe('maintenance mode');
    expect(still.cluster.guestsOn('pve2')).toEqual([]);
    expect(still.monitor.report().fenced).toEqual([]);
  });

  it('waits for ever when there is nowhere to go', async () => {
    const still = await stillCluster(smallSite({ ...HA, qdevice: true }));
    still.cluster.node('pve1').machine.powerCut('test');
    await still.clock.advance(20 * SECONDS);
    await maintenance(still, 'enable', 'pve2', 'pve2');
    await still.clock.advance(10 * MINUTES);
    expect(still.cluster.ha.nodeStatus.get('pve2')).toBe('maintenance');
    expect(still.cluster.guestsOn('pve2').map((guest) => guest.vmid)).toEqual([102, 202]);
  });
});

describe('a node with HA guests', () => {
  it('keeps them frozen through its own reboot and starts them again afterwards', async () => {
    const still = await stillCluster(smallSite({ ...HA, nodes: 3 }));
    const before = nodesOf(still);
    requestPower(still.cluster, still.cluster.node('pve2'), 'reboot', 'api:root@pam');
    await still.clock.advance(60 * SECONDS);
    expect(still.cluster.ha.services.get('vm:202')?.state).toBe('freeze');
    await still.clock.advance(5 * MINUTES);
    expect(nodesOf(still)).toEqual(before);
    expect([...still.cluster.guests.values()].every((guest) => guest.running)).toBe(true);
    expect(still.monitor.report().fenced).toEqual([]);
  });

  it('loses them to other nodes two to three minutes after it died', async () => {
    const still = await stillCluster(smallSite({ ...HA, nodes: 3 }));
    still.cluster.node('pve2').machine.powerCut('test');
    await still.clock.advance(100 * SECONDS);
    expect(still.cluster.guestsOn('pve2').map((guest) => guest.vmid)).toEqual([102, 202]);
    await still.clock.advance(2 * MINUTES);
    expect(still.cluster.guestsOn('pve2')).toEqual([]);
    expect([...still.cluster.guests.values()].every((guest) => guest.running)).toBe(true);
  });

  it('does not have them stopped or started by stopall and startall', async () => {
    const site = smallSite({ ...HA, nodes: 3 });
    const plain = containerSpec(300, 'plain', 'pve2');
    const still = await stillCluster({ ...site, guests: [...site.guests, plain] });
    const node = still.cluster.node('pve2');
    const stop = still.cluster.tasks.start(node, 'stopall', '', 'root@pam', (task) =>
      stopAll(still.cluster, node, task, { forceStop: true }),
    );
    await still.clock.advance(5 * MINUTES);
    expect(stop.exitStatus).toBe('OK');
    const running = still.cluster.guestsOn('pve2').filter((guest) => guest.running);
    expect(running.map((guest) => guest.vmid)).toEqual([102, 202]);
  });

  it('keeps an LRM that goes idle ten minutes after its last service left', async () => {
    const still = await stillCluster(smallSite({ ...HA, nodes: 3 }));
    for (const sid of ['ct:102', 'vm:202']) still.cluster.ha.setState(sid, 'stopped');
    await still.clock.advance(5 * MINUTES);
    expect(lrmText(still, 'pve2')).toBe('active');
    await still.clock.advance(8 * MINUTES);
    expect(lrmText(still, 'pve2')).toBe('idle');
  });
});
