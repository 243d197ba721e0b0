import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aContainer, aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, roll, updateOneNode } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(() => environment.teardown());

describe('a second update of the same cluster', () => {
  it('is refused while the first has a node in its hands, and says who has', async () => {
    const first = aWorld([aVm(100)]);
    const second = aWorld([aVm(100)]);
    second.name = first.name;
    let refused: unknown;
    first.before.upgradeNode = async () => {
      refused ??= await failureOf(roll(environment, second, { beside: true }));
    };

    const report = await roll(environment, first);

    expect(refused).toMatchObject({
      type: 'Refused',
      message: expect.stringContaining(`update-node/${first.name} updates a node of this cluster already`) as string,
    });
    expect(second.changes()).toEqual([]);
    expect(first.changes().filter((change) => change === 'upgradeNode pve1')).toHaveLength(1);
    expect(report.outcome).toBe('done');
  });

  it('cannot be smuggled in under another workflow id', async () => {
    const world = aWorld([aVm(100)]);
    const failure = await failureOf(
      updateOneNode(environment, world, { node: 'pve1' }, undefined, 'update-node/by-hand'),
    );
    expect(failure).toMatchObject({ type: 'Refused', report: { node: 'pve1', outcome: 'refused' } });
    expect(world.changes()).toEqual([]);
  });
});

describe('a world that changed while the guests left', () => {
  it('keeps the upgrade from starting, and the guests go home', async () => {
    const world = aWorld([aVm(100)]);
    world.before.moveGuest = () => {
      world.cluster = { quorate: false };
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({ message: expect.stringContaining('the cluster is not quorate') as string });
    expect(world.changes()).toEqual(['move 100 pve1→pve2', 'awaitRejoin pve1', 'move 100 pve2→pve1']);
  });
});

describe('a guest that was shut down for the update', () => {
  it('and does not start again stops the line: it is down, and nobody else would say so', async () => {
    const world = aWorld([aContainer(100)], { guests: { default: 'shutdown' } });
    world.before.ensureGuestRunning = () => {
      throw ApplicationFailure.nonRetryable('the container does not start', 'GuestMoveFailed');
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({
      type: 'RollFailed',
      report: { nodes: [{ node: 'pve1', outcome: 'failed', openUndo: [{}] }, { outcome: 'not-reached' }] },
    });
  });
});
