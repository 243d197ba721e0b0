import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anHaVm, aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, roll, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

function withCeph(): World {
  const world = aWorld([aVm(100)], { reboot: 'always', nodes: ['pve1'] });
  world.ceph = { checks: [], placementGroups: { 'active+clean': 128 }, monitors: world.nodes, nooutHosts: [] };
  return world;
}

/** Somebody starts a guest on pve1, which is to reboot. */
const inTheWay = aVm(150);

describe('the flag that keeps OSDs in', () => {
  it('is taken off when the node is not rebooted after all', async () => {
    const world = withCeph();
    world.before.ensureCephNoout = ({ on }) => {
      if (on) world.guests = [...world.guests, inTheWay];
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure.message).toContain('pve1 is not rebooted: vm-150 (150) runs on pve1');
    expect(world.changes()).toContain('ensureCephNoout pve1');
    expect(world.ceph?.nooutHosts).toEqual([]);
    expect(failure.report.nodes[0]?.openUndo).toEqual([]);
  });

  it('stays while the node is away, and the report says how to take it off', async () => {
    const world = withCeph();
    world.before.rebootNode = () => {
      throw ApplicationFailure.nonRetryable('Waited 20 minutes for pve1 to reboot: it is down', 'RebootNotProven');
    };
    const failure = await failureOf(roll(environment, world));
    expect(world.ceph?.nooutHosts).toEqual(['pve1']);
    expect(failure.report.nodes[0]?.openUndo.map(({ remedy }) => remedy)).toContain(
      'when pve1 is well: ceph osd rm-noout pve1',
    );
  });

  it('is left to whoever had set it before', async () => {
    const world = withCeph();
    world.ceph = { ...world.ceph!, nooutHosts: ['pve1'] };
    expect(await roll(environment, world)).toMatchObject({ outcome: 'done' });
    expect(world.ceph.nooutHosts).toEqual(['pve1']);
  });
});

describe('HA that was disarmed for a reboot', () => {
  it('is armed again when the node is not rebooted after all', async () => {
    const policy = { reboot: 'always', nodes: ['pve1'], disarmHa: 'when-it-would-fence' } as const;
    const world = aWorld([anHaVm(102)], policy);
    world.cluster = { ha: { startedServices: 1, armed: 'armed' } };
    world.before.ensureHaArmed = ({ armed }) => {
      if (!armed) world.guests = [...world.guests, inTheWay];
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure.message).toContain('pve1 is not rebooted');
    expect(world.changes().filter((change) => change.startsWith('ensureHaArmed'))).toHaveLength(2);
    expect(world.cluster.ha?.armed).toBe('armed');
  });
});
