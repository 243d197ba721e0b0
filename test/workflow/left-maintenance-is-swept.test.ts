import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anAbandonedMark, aNode, aShell, aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, roll, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

/** pve1 in maintenance; the flag goes when it is taken off. */
function aFlaggedWorld(): World {
  const world = aWorld([aVm(100)]);
  world.cluster = { nodes: [aNode('pve1', { maintenance: true }), aNode('pve2')] };
  world.before.ensureMaintenance = ({ on }) => {
    if (!on) world.cluster = {};
  };
  return world;
}

/** The mark of a run that was terminated an hour ago. */
function aMark() {
  const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  const { mark, owner, ...rest } = anAbandonedMark();
  return { ...rest, mark: { ...mark!, since: ago(90) }, owner: { ...owner!, startedAt: ago(100), endedAt: ago(60) } };
}

describe('a maintenance flag that is found at the start of a roll', () => {
  it('and that a terminated run of ours has left is taken off after the node proved well, and told', async () => {
    const world = aFlaggedWorld();
    world.marks.set('pve1', aMark());
    const report = await roll(environment, world);
    expect(report.outcome).toBe('done');
    expect(world.changes().slice(0, 3)).toEqual(['awaitRejoin pve1', 'maintenance off pve1', 'move 100 pve1→pve2']);
    expect(report.warnings.join()).toMatch(
      /pve1 was in HA maintenance mode since .* that was terminated: it was taken off/,
    );
    expect(world.calls.map(({ name }) => name).indexOf('requestLease')).toBeLessThan(
      world.calls.map(({ name }) => name).indexOf('ensureMaintenance'),
    );
  });

  it('and that bears no mark of ours is a blocker as ever', async () => {
    const world = aFlaggedWorld();
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({ type: 'Refused', report: { outcome: 'refused' } });
    expect(failure.message).toContain('pve1 is in HA maintenance mode already');
    expect(world.changes()).toEqual([]);
  });

  it('on a node that is not well stays, and the report says why', async () => {
    const world = aFlaggedWorld();
    world.marks.set('pve1', aMark());
    world.before.awaitRejoin = () => {
      throw ApplicationFailure.nonRetryable('service corosync is not active', 'RejoinFailed');
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure.type).toBe('Refused');
    expect(failure.report.warnings.join()).toContain('left in HA maintenance mode: service corosync is not active');
    expect(world.changes()).toEqual(['awaitRejoin pve1']);
  });

  it('on a node where a job of ours is still at work stays', async () => {
    const world = aFlaggedWorld();
    world.marks.set('pve1', aMark());
    world.before.readNodeCondition = busyLater(world);
    const failure = await failureOf(roll(environment, world));
    expect(failure.type).toBe('Refused');
    expect(failure.report.warnings.join()).toContain('caretaker-upgrade-1.service still runs');
    expect(world.changes()).not.toContain('maintenance off pve1');
  });

  it('stays beside anything else that stands in the way: then nothing is touched', async () => {
    const world = aFlaggedWorld();
    world.marks.set('pve1', aMark());
    world.guests = [aVm(100, { lock: 'backup' })];
    const failure = await failureOf(roll(environment, world));
    expect(failure.type).toBe('Refused');
    expect(world.changes()).toEqual([]);
  });

  it('is only looked at by a dry run', async () => {
    const world = aFlaggedWorld();
    world.marks.set('pve1', aMark());
    expect(await roll(environment, world, { input: [{ dryRun: true }] })).toMatchObject({ outcome: 'planned' });
    expect(world.changes()).toEqual([]);
  });
});

/** A job that shows up after the preflight has looked. */
function busyLater(world: World) {
  let looks = 0;
  return () => {
    looks += 1;
    if (looks > 2)
      world.conditions.set('pve1', {
        shell: { value: aShell({ busyUnits: { value: ['caretaker-upgrade-1.service'] } }) },
      });
  };
}
