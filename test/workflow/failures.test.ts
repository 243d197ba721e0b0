import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aContainer, anHaVm, aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, roll, updateOneNode, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

function fails(type: string, message: string) {
  return () => {
    throw ApplicationFailure.nonRetryable(message, type);
  };
}

function withHa(world: World): World {
  world.cluster = { qdevice: { votes: 1, connected: true }, ha: { startedServices: 1 } };
  return world;
}

describe('a guest that cannot be moved', () => {
  it('brings the others home, ends the maintenance mode and stops the line before the next node', async () => {
    const world = withHa(aWorld([aVm(100), aVm(101, { maxMemory: 2 ** 30 }), anHaVm(102)], { parallelMigrations: 1 }));
    world.before.moveGuest = ({ vmid, from }) => {
      if (vmid === 101 && from === 'pve1') fails('GuestMoveFailed', 'vm-101 (101) cannot be moved: target is full')();
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({
      type: 'RollFailed',
      message: 'pve1: vm-101 (101) cannot be moved: target is full',
      report: {
        outcome: 'failed',
        nodes: [
          { node: 'pve1', outcome: 'failed', openUndo: [] },
          { node: 'pve2', outcome: 'not-reached' },
        ],
      },
    });
    expect(world.changes()).toEqual([
      'maintenance on pve1',
      'move 100 pve1→pve2',
      'move 101 pve1→pve2',
      'awaitRejoin pve1',
      'maintenance off pve1',
      'awaitHaGuestsHome pve1',
      'move 101 pve2→pve1',
      'move 100 pve2→pve1',
    ]);
    expect(world.guests.map((guest) => guest.node)).toEqual(['pve1', 'pve1', 'pve1']);
  });
});

describe('an upgrade that fails', () => {
  it('on a healthy node is followed by everything going back to its place', async () => {
    const world = aWorld([aVm(100), aContainer(200)], { guests: { overrides: { '200': 'shutdown' } } });
    world.before.upgradeNode = fails('UpgradeFailed', 'the upgrade of pve1 ended with exit code 100');
    const failure = await failureOf(roll(environment, world));
    expect(failure.report.nodes[0]).toMatchObject({
      outcome: 'failed',
      reason: 'the upgrade of pve1 ended with exit code 100',
      openUndo: [],
      guests: [
        { vmid: 100, at: 'home', node: 'pve1' },
        { vmid: 200, at: 'home', node: 'pve1' },
      ],
    });
    expect(world.changes().slice(-3).sort()).toEqual([
      'awaitRejoin pve1',
      'ensureGuestRunning 200 pve1',
      'move 100 pve2→pve1',
    ]);
    expect(world.changes()).not.toContain('rebootNode pve1');
  });
});

describe('a node that does not come back', () => {
  it('keeps its guests away, and the report says what is open and how to mend it by hand', async () => {
    const world = withHa(
      aWorld([aVm(100), aContainer(200), aVm(201), anHaVm(102)], {
        reboot: 'always',
        guests: { overrides: { '201': 'shutdown' } },
      }),
    );
    world.before.rebootNode = fails('RebootNotProven', 'Waited 20 minutes for pve1 to reboot: it is down');
    world.before.awaitRejoin = fails('RejoinFailed', 'is offline for the other nodes');
    const failure = await failureOf(roll(environment, world));
    const [node, next] = failure.report.nodes;
    expect(node).toMatchObject({ outcome: 'failed', reason: 'Waited 20 minutes for pve1 to reboot: it is down' });
    expect(node?.openUndo.map((open) => open.remedy)).toEqual([
      'when the node is well: ha-manager crm-command node-maintenance disable pve1',
      'when pve1 is well: qm start 201, on pve1',
      'when pve1 is well: pct migrate 200 pve1 --restart, on pve2',
      'when pve1 is well: qm migrate 100 pve1 --online, on pve2',
    ]);
    expect(node?.openUndo[0]?.reason).toBe('pve1 is not well: a reboot was asked for and may still come');
    expect(next).toMatchObject({ node: 'pve2', outcome: 'not-reached' });
    expect(world.changes().at(-1)).toBe('rebootNode pve1');
    expect(world.guests.find((guest) => guest.vmid === 100)).toMatchObject({ node: 'pve2', running: true });
  });

  it('keeps its guests away while it has not proved to be well, although it rebooted', async () => {
    const world = aWorld([aVm(100)]);
    world.before.awaitRejoin = fails('RejoinFailed', 'service corosync is not active');
    const failure = await failureOf(roll(environment, world));
    expect(failure.report.nodes[0]?.openUndo[0]?.reason).toContain('service corosync is not active');
    expect(world.guests[0]).toMatchObject({ node: 'pve2', running: true });
  });

  it('is not rebooted at all when the world has changed during the upgrade', async () => {
    const world = aWorld([aVm(100)], { reboot: 'always', nodes: ['pve1'] });
    world.before.upgradeNode = () => {
      world.guests = [...world.guests, aVm(150)];
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure.message).toContain('pve1 is not rebooted: vm-150 (150) runs on pve1, although it was to be empty');
    expect(world.changes()).not.toContain('rebootNode pve1');
    expect(world.guests.find((guest) => guest.vmid === 100)?.node).toBe('pve1');
  });
});

describe('a guest that cannot be given back', () => {
  it('is a warning with a remedy: its node counts as updated and the next one, planned anew, goes on', async () => {
    const world = aWorld([aVm(100), aVm(101)], { parallelMigrations: 1 });
    let left = 4;
    world.before.moveGuest = ({ vmid, to }) => {
      if (vmid !== 100 || to !== 'pve1' || left === 0) return;
      left -= 1;
      fails('GuestMoveFailed', 'storage is gone')();
    };
    const report = await roll(environment, world);
    expect(report).toMatchObject({ outcome: 'done', reason: '2 of 2 nodes updated, 0 rebooted' });
    expect(report.nodes[0]).toMatchObject({
      outcome: 'updated',
      openUndo: [
        {
          undo: { kind: 'guest-away', vmid: 100 },
          reason: 'storage is gone',
          remedy: 'when pve1 is well: qm migrate 100 pve1 --online, on pve2',
        },
      ],
    });
    expect(report.nodes[0]?.warnings).toContain('storage is gone');
    // The guest now runs on the second node and so is one of those that leave it for its update.
    expect(report.nodes[1]).toMatchObject({ outcome: 'updated', guests: [{ vmid: 100 }] });
    expect(world.guests.find((guest) => guest.vmid === 101)?.node).toBe('pve1');
  });
});

describe('a second node that must not go', () => {
  it('fails the roll when it is refused in its turn, and says that the first is updated', async () => {
    const world = aWorld([aVm(101, { node: 'pve2' })]);
    world.before.upgradeNode = () => {
      world.guests = world.guests.map((guest) => ({ ...guest, lock: 'backup' }));
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({
      type: 'RollFailed',
      report: {
        outcome: 'failed',
        nodes: [
          { node: 'pve1', outcome: 'updated' },
          { node: 'pve2', outcome: 'refused' },
        ],
      },
    });
    expect(failure.message).toContain('vm-101 (101) is locked (backup)');
    expect(world.changes()).not.toContain('upgradeNode pve2');
  });
});

describe('a node update of its own', () => {
  it('fails at once when nobody says which node', async () => {
    const world = aWorld();
    const failure = await failureOf(updateOneNode(environment, world, {} as { node: string }));
    expect(failure).toMatchObject({
      type: 'InvalidInput',
      message: expect.stringContaining('node: name the node') as string,
    });
    expect(world.calls).toEqual([]);
  });

  it('fails at once for a node that is not configured', async () => {
    const world = aWorld();
    const failure = await failureOf(updateOneNode(environment, world, { node: 'pve9' }));
    expect(failure).toMatchObject({ type: 'InvalidInput', message: expect.stringContaining('nodes[0]') as string });
    expect(world.calls.map((call) => call.name)).toEqual(['loadRollSettings']);
  });

  it('returns the report of the node', async () => {
    const world = aWorld([aVm(100)]);
    expect(await updateOneNode(environment, world, { node: 'pve1' })).toMatchObject({
      node: 'pve1',
      outcome: 'updated',
    });
    expect(world.changes()).toEqual([
      'move 100 pve1→pve2',
      'upgradeNode pve1',
      'awaitRejoin pve1',
      'move 100 pve2→pve1',
    ]);
  });

  it('touches nothing in a dry run', async () => {
    const world = aWorld([aVm(100)]);
    const report = await updateOneNode(environment, world, { node: 'pve1', policy: { dryRun: true } });
    expect(report).toMatchObject({ outcome: 'planned' });
    expect(world.changes()).toEqual([]);
  });
});
