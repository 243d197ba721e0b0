import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RollPlan } from '../../domain/plan.ts';
import {
  aContainer,
  anHaVm,
  aPackage,
  aPolicy,
  aVm,
  NEW_KERNEL,
  OLD_KERNEL,
  outdated,
  theSoftware,
} from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, progressOf, roll, until } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

const kernelPackage = aPackage(`proxmox-kernel-${NEW_KERNEL}-signed`, { from: null, to: '6.14.11-1' });
const { timeouts } = aPolicy();

describe('a rolling update', () => {
  it('updates both nodes of a pair, one after the other, in exactly these steps', async () => {
    const world = aWorld([aVm(100), aContainer(201, { node: 'pve2' })]);
    world.software.set('pve1', outdated('pve1', { pending: [kernelPackage] }));
    const report = await roll(environment, world);

    const services = ['corosync', 'pve-cluster'];
    const storages = ['local', 'nfs'];
    const vm = { vmid: 100, kind: 'qemu', name: 'vm-100', withLocalDisks: false, within: timeouts.migration };
    const container = { vmid: 201, kind: 'lxc', name: 'ct-201', withLocalDisks: false, within: timeouts.migration };
    // Looks that steer nothing in a healthy cluster have tests of their own.
    const looks = ['readClusterCondition', 'readNodeCondition', 'readBackups', 'readCeph', 'requestLease'];
    const calls = world.calls.filter(({ name }) => !looks.includes(name));
    expect(calls.map((call) => [call.name, call.input])).toEqual([
      ['loadRollSettings', {}],
      ['readCluster', { leaving: ['pve1', 'pve2'] }],
      ['readNodeSoftware', { node: expect.any(String) as string, refresh: true }],
      ['readNodeSoftware', { node: expect.any(String) as string, refresh: true }],
      // pve1: a new kernel, so it reboots
      ['loadRollSettings', { nodes: ['pve1'] }],
      ['readCluster', { leaving: ['pve1'] }],
      ['readNodeSoftware', { node: 'pve1', refresh: true }],
      ['readNodeHealth', { node: 'pve1' }],
      ['moveGuest', { ...vm, from: 'pve1', to: 'pve2' }],
      ['readCluster', { leaving: ['pve1'] }],
      [
        'upgradeNode',
        { node: 'pve1', jobId: expect.stringMatching(/^upgrade-[0-9a-f-]{36}$/) as string, within: timeouts.upgrade },
      ],
      ['readNodeSoftware', { node: 'pve1', refresh: false }],
      ['readCluster', { leaving: ['pve1'] }],
      ['rebootNode', { node: 'pve1', bootId: 'pve1-boot-1', within: timeouts.reboot }],
      [
        'awaitRejoin',
        {
          node: 'pve1',
          expected: { bootIdBefore: 'pve1-boot-1', kernel: NEW_KERNEL, services, storages },
          within: timeouts.rejoin,
        },
      ],
      ['readCluster', { leaving: ['pve1'] }],
      ['moveGuest', { ...vm, from: 'pve2', to: 'pve1' }],
      // pve2: no new kernel, so it does not
      ['loadRollSettings', { nodes: ['pve2'] }],
      ['readCluster', { leaving: ['pve2'] }],
      ['readNodeSoftware', { node: 'pve2', refresh: true }],
      ['readNodeHealth', { node: 'pve2' }],
      ['moveGuest', { ...container, from: 'pve2', to: 'pve1' }],
      ['readCluster', { leaving: ['pve2'] }],
      ['upgradeNode', { node: 'pve2', jobId: expect.stringMatching(/^upgrade-/) as string, within: timeouts.upgrade }],
      ['readNodeSoftware', { node: 'pve2', refresh: false }],
      [
        'awaitRejoin',
        { node: 'pve2', expected: { bootIdBefore: null, kernel: null, services, storages }, within: timeouts.rejoin },
      ],
      ['readCluster', { leaving: ['pve2'] }],
      ['moveGuest', { ...container, from: 'pve1', to: 'pve2' }],
    ]);
    // Both nodes are read at the same time, in whatever order.
    expect(
      calls
        .slice(2, 4)
        .map((call) => (call.input as { node: string }).node)
        .sort(),
    ).toEqual(['pve1', 'pve2']);
    expect(report).toMatchObject({
      outcome: 'done',
      reason: '2 of 2 nodes updated, 1 rebooted',
      nodes: [
        {
          node: 'pve1',
          outcome: 'updated',
          packages: [kernelPackage],
          warnings: [expect.stringContaining('nothing can be started or changed there') as string],
          reboot: {
            bootIdBefore: 'pve1-boot-1',
            bootIdAfter: 'pve1-boot-1+',
            kernelBefore: OLD_KERNEL,
            kernelAfter: NEW_KERNEL,
          },
          guests: [{ vmid: 100, at: 'home', node: 'pve1' }],
          openUndo: [],
        },
        { node: 'pve2', outcome: 'updated', reboot: null, guests: [{ vmid: 201, at: 'home', node: 'pve2' }] },
      ],
    });
  });

  it('touches nothing when every node is up to date', async () => {
    const world = aWorld([aVm(100)]);
    for (const node of world.nodes) world.software.set(node, theSoftware(node));
    expect(await roll(environment, world)).toMatchObject({
      outcome: 'nothing-to-do',
      reason: 'every node is up to date',
    });
    expect(world.changes()).toEqual([]);
  });

  it('leaves the guests of a node with nothing to do where they are', async () => {
    const world = aWorld([aVm(100), aVm(101, { node: 'pve2' })]);
    world.software.set('pve1', theSoftware('pve1'));
    const { nodes } = await roll(environment, world);
    expect(nodes).toMatchObject([
      { node: 'pve1', outcome: 'skipped', reason: 'up to date' },
      { node: 'pve2', outcome: 'updated' },
    ]);
    expect(world.changes().some((call) => call.includes('100'))).toBe(false);
  });

  it('only plans in a dry run, and does not even refresh the package lists', async () => {
    const world = aWorld([aVm(100)]);
    const report = await roll(environment, world, { input: [{ dryRun: true }] });
    expect(report).toMatchObject({
      outcome: 'planned',
      nodes: [],
      plan: { nodes: [{ node: 'pve1' }, { node: 'pve2' }] },
    });
    expect(world.changes()).toEqual([]);
    const reads = world.calls.filter((call) => call.name === 'readNodeSoftware').map((call) => call.input);
    expect(reads).toHaveLength(2);
    for (const node of world.nodes) expect(reads).toContainEqual({ node, refresh: false });
  });

  it('says in a dry run why the real one would be refused', async () => {
    const world = aWorld([aVm(100, { lock: 'backup' })]);
    const report = await roll(environment, world, { input: [{ dryRun: true }] });
    expect(report.reason).toBe('dry run: 2 of 2 nodes have something to do, and it would be refused for 1 reason');
  });

  it('touches nothing when one node is refused, says why and what to do, and carries the report', async () => {
    const world = aWorld([aVm(100), aVm(101, { node: 'pve2', lock: 'backup' })]);
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({
      type: 'Refused',
      message: 'Nothing was touched: vm-101 (101) is locked (backup); wait until its backup has finished.',
      report: { outcome: 'refused', plan: { nodes: [{ findings: [] }, { findings: [{ code: 'guest-locked' }] }] } },
    });
    expect(world.changes()).toEqual([]);
  });

  it('refuses a pair in which the survivor would fence itself', async () => {
    const world = aWorld([anHaVm(100)]);
    world.cluster = { ha: { startedServices: 1 } };
    expect(await failureOf(roll(environment, world))).toMatchObject({ type: 'Refused' });
    expect(world.changes()).toEqual([]);
  });

  it('fails at once for a wrong input and names the field', async () => {
    const world = aWorld();
    const failure = await failureOf(roll(environment, world, { input: [{ nodes: ['pve9'] }] }));
    expect(failure.type).toBe('InvalidInput');
    expect(failure.message).toContain('nodes[0]');
    expect(world.calls.map((call) => call.name)).toEqual(['loadRollSettings']);
  });

  it.each([
    ['no argument', []],
    ['null', [null]],
    ['an empty object', [{}]],
  ])('takes %s for its input', async (_, input) => {
    const world = aWorld();
    expect(await roll(environment, world, { input })).toMatchObject({ outcome: 'done' });
  });

  it('gives its input to every node', async () => {
    const world = aWorld();
    world.software.set('pve1', outdated('pve1', { pending: [kernelPackage] }));
    const report = await roll(environment, world, { input: [{ nodes: ['pve1'], reboot: 'never' }] });
    expect(world.changes()).toEqual(['upgradeNode pve1', 'awaitRejoin pve1']);
    expect(report.nodes[0]?.warnings).toEqual([`pve1 still runs ${OLD_KERNEL}; ${NEW_KERNEL} waits for a reboot`]);
  });

  it('ends as failed with a report when the cluster cannot be read', async () => {
    const world = aWorld();
    world.before.readCluster = () => {
      throw ApplicationFailure.nonRetryable('all endpoints are down', 'RemoteRefused');
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({ type: 'RollFailed', report: { outcome: 'failed', plan: null, nodes: [] } });
  });

  it('never moves more guests at once than the policy says', async () => {
    const world = aWorld(
      [100, 101, 102, 103, 104].map((vmid) => aVm(vmid)),
      { parallelMigrations: 3, nodes: ['pve1'] },
    );
    let moving = 0;
    let most = 0;
    let waiting: (() => void)[] = [];
    world.before.moveGuest = async () => {
      moving += 1;
      most = Math.max(most, moving);
      // Held until as many move as may, or as are left.
      const full = moving === 3 || world.calls.filter((call) => call.name === 'moveGuest').length % 5 === 0;
      if (full) for (const release of waiting.splice(0)) release();
      else await new Promise<void>((resolve) => waiting.push(resolve));
      moving -= 1;
    };
    await roll(environment, world);
    waiting = [];
    expect(most).toBe(3);
    expect(world.changes().filter((call) => call.startsWith('move'))).toHaveLength(10);
  });

  it('shows its plan, its phases and where every guest is, while it works', async () => {
    const world = aWorld([aVm(100)], { nodes: ['pve1'] });
    let seen: unknown;
    let plan: RollPlan | null = null;
    let look: () => Promise<void> = () => Promise.resolve();
    world.before.upgradeNode = () => look();
    await roll(environment, world, {
      meanwhile: async ({ handle }) => {
        look = async () => {
          await until(async () => (await progressOf(handle)).nodes[0]?.phase === 'upgrading');
          seen = await progressOf(handle);
          plan = await handle.query<RollPlan | null>('plan');
        };
        await until(() => seen !== undefined);
      },
    });
    expect(seen).toMatchObject({
      cluster: world.name,
      paused: false,
      nodes: [{ node: 'pve1', phase: 'upgrading', guests: [{ vmid: 100, at: 'away', node: 'pve2' }] }],
    });
    expect(plan).toMatchObject({ nodes: [{ node: 'pve1', moves: [{ vmid: 100 }] }] });
  });
});

describe('HA guests', () => {
  const withHa = () => {
    const world = aWorld([anHaVm(100), aVm(101)], { nodes: ['pve1'] });
    world.cluster = { qdevice: { votes: 1, connected: true }, ha: { startedServices: 1 } };
    return world;
  };

  it('are moved by HA: maintenance on before the drain, off before the other guests return', async () => {
    const world = withHa();
    await roll(environment, world);
    expect(world.changes()).toEqual([
      'maintenance on pve1',
      'move 101 pve1→pve2',
      'awaitHaGuestsAway pve1',
      'upgradeNode pve1',
      'awaitRejoin pve1',
      'maintenance off pve1',
      'awaitHaGuestsHome pve1',
      'move 101 pve2→pve1',
    ]);
  });

  it('that HA does not bring back are worth a warning, not a failure', async () => {
    const world = withHa();
    world.before.awaitHaGuestsHome = () => {
      throw ApplicationFailure.nonRetryable('100 is running on pve2', 'GuestMoveFailed');
    };
    const { nodes } = await roll(environment, world);
    expect(nodes[0]).toMatchObject({ outcome: 'updated', openUndo: [] });
    expect(nodes[0]?.warnings).toContain('HA has not brought all guests back to pve1: 100 is running on pve2');
  });
});

describe('guests that are not to be moved', () => {
  it('are shut down and started again, or left and started after the reboot', async () => {
    const world = aWorld([aVm(100), aVm(101)], {
      nodes: ['pve1'],
      reboot: 'always',
      parallelMigrations: 1,
      guests: { overrides: { '100': 'shutdown', '101': 'leave' } },
    });
    await roll(environment, world);
    const changes = world.changes();
    expect(changes.slice(0, 4)).toEqual([
      'ensureGuestStopped 100 pve1',
      'upgradeNode pve1',
      'rebootNode pve1',
      'awaitRejoin pve1',
    ]);
    // Neither has a place in Proxmox's startup order, so both start at once.
    expect(changes.slice(4).sort()).toEqual(['ensureGuestRunning 100 pve1', 'ensureGuestRunning 101 pve1']);
  });

  it('are left alone entirely when no reboot is needed', async () => {
    const world = aWorld([aVm(101)], { nodes: ['pve1'], guests: { default: 'leave' } });
    await roll(environment, world);
    expect(world.changes()).toEqual(['upgradeNode pve1', 'awaitRejoin pve1']);
  });

  it('stay stopped when somebody stopped them before their turn', async () => {
    const world = aWorld([aVm(100)], { nodes: ['pve1'] });
    world.before.moveGuest = () => {
      world.guests = world.guests.map((guest) => ({ ...guest, running: false }));
    };
    const { nodes } = await roll(environment, world);
    expect(world.changes().filter((call) => call.includes('100'))).toEqual(['move 100 pve1→pve2']);
    expect(nodes[0]).toMatchObject({ outcome: 'updated', guests: [{ vmid: 100, at: 'stopped', node: 'pve1' }] });
  });

  it('stay where somebody else moved them meanwhile, with a word in the report', async () => {
    const world = aWorld([aVm(100)], { nodes: ['pve1'] });
    world.before.upgradeNode = () => {
      world.guests = world.guests.map((guest) => ({ ...guest, node: 'pve3' }));
    };
    const { nodes } = await roll(environment, world);
    expect(nodes[0]?.warnings).toEqual(['vm-100 (100) was moved to pve3 by somebody else and stays there']);
    expect(nodes[0]).toMatchObject({ outcome: 'updated', guests: [{ vmid: 100, at: 'away', node: 'pve3' }] });
  });
});

describe('guests that are shut down', () => {
  it('go down after the others have moved, the last in the startup order first, and come up the other way round', async () => {
    const guests = [
      aVm(100, { tags: ['db'], startupOrder: 1 }),
      aVm(101, { tags: ['db'], startupOrder: 2 }),
      aVm(102, { tags: ['db'] }),
      aVm(103),
    ];
    const world = aWorld(guests, { guests: { rules: [{ tags: ['db'], treatment: 'shutdown' }] }, nodes: ['pve1'] });
    await roll(environment, world);
    const power = world.changes().filter((change) => /Guest|move/.test(change));
    expect(power.slice(0, 4)).toEqual([
      'move 103 pve1→pve2',
      'ensureGuestStopped 102 pve1',
      'ensureGuestStopped 101 pve1',
      'ensureGuestStopped 100 pve1',
    ]);
    expect(power.slice(4).filter((change) => change.startsWith('ensureGuestRunning'))).toEqual([
      'ensureGuestRunning 100 pve1',
      'ensureGuestRunning 101 pve1',
      'ensureGuestRunning 102 pve1',
    ]);
  });
});
