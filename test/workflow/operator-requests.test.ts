import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeProgress, RollReport } from '../../domain/report.ts';
import { updateNodeId } from '../../domain/ids.ts';
import { aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import {
  aWorld,
  during,
  failureOf,
  progressOf,
  roll,
  scheduledBy,
  until,
  untilItWaits,
  untilNodeAsks,
  type Run,
  type Step,
} from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

const SIGNALED = 'workflowExecutionSignaledEventAttributes';
const CANCEL_REQUESTED = 'workflowExecutionCancelRequestedEventAttributes';

describe('approval of the plan', () => {
  it('is waited for before anything is touched, and then the roll goes on', async () => {
    const world = aWorld([aVm(100)], { approval: 'plan' });
    let before: string[] = ['never looked'];
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilItWaits(run, 'approve the plan');
        before = world.changes();
        expect(await run.handle.executeUpdate('approve')).toBe('approved');
      },
    });
    expect(before).toEqual([]);
    expect(report).toMatchObject({ outcome: 'done', reason: '2 of 2 nodes updated, 0 rebooted' });
  });

  it('can be given as a signal', async () => {
    const world = aWorld([], { approval: 'plan' });
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilItWaits(run, 'approve the plan');
        await run.handle.signal('approve');
      },
    });
    expect(report.outcome).toBe('done');
  });

  it('is asked for again, for the node alone, when the world is no longer the one that was approved', async () => {
    const world = aWorld([aVm(100)], { approval: 'plan' });
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilItWaits(run, 'approve the plan');
        world.guests = [...world.guests, aVm(150)];
        await run.handle.executeUpdate('approve');
        await untilNodeAsks(run, 'pve1');
        expect(world.changes()).toEqual([]);
        await run.handle.executeUpdate('approve');
      },
    });
    expect(report.outcome).toBe('done');
    expect(report.nodes[0]?.warnings).toEqual(['since the plan: vm-150 (150) runs on pve1 now']);
  });
});

describe('an approval that nothing waits for', () => {
  it('is refused, and the run goes on', async () => {
    const world = aWorld([], { nodes: ['pve1'] });
    let answer: unknown;
    world.before.upgradeNode = async () => {
      answer ??= await environment.client.workflow
        .getHandle(updateNodeId(world.name))
        .executeUpdate('approve')
        .catch((error: unknown) => error);
    };
    expect((await roll(environment, world)).outcome).toBe('done');
    expect(answer).toMatchObject({ cause: { message: 'nothing waits for an approval now' } });
  });
});

describe('approval of every node', () => {
  it('is asked for each, and given through the roll', async () => {
    const world = aWorld([], { approval: 'every-node' });
    const changes: string[][] = [];
    await roll(environment, world, {
      meanwhile: async (run) => {
        for (const node of ['pve1', 'pve2']) {
          await untilNodeAsks(run, node);
          changes.push(world.changes());
          await run.handle.executeUpdate('approve');
        }
      },
    });
    expect(changes).toEqual([[], ['upgradeNode pve1', 'awaitRejoin pve1']]);
  });

  it('that does not come for the second node leaves the first one updated and fails the roll', async () => {
    const world = aWorld([], { approval: 'every-node', timeouts: { approval: '2 seconds' } });
    const failure = await failureOf(
      roll(environment, world, {
        meanwhile: async (run) => {
          await untilNodeAsks(run, 'pve1');
          await run.handle.signal('approve');
        },
      }),
    );
    expect(failure).toMatchObject({
      type: 'RollFailed',
      report: { nodes: [{ outcome: 'updated' }, { node: 'pve2', outcome: 'refused' }] },
    });
    expect(world.changes()).toEqual(['upgradeNode pve1', 'awaitRejoin pve1']);
  });
});

describe('a pause', () => {
  it('holds the node after its current step until it is resumed', async () => {
    const world = aWorld([aVm(100)], { nodes: ['pve1'] });
    const tell = during(environment, world, 'moveGuest', (run) => run.handle.executeUpdate('pause'), SIGNALED);
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await tell(run);
        const node = environment.client.workflow.getHandle(run.child);
        const news = () => node.query<NodeProgress>('progress').catch(() => null);
        await until(async () => (await news())?.guests[0]?.at === 'away');
        expect(await progressOf(run.handle)).toMatchObject({ paused: true, nodes: [{ phase: 'draining' }] });
        // The run of the node has seen the end of the move, and has not gone on to the next step.
        expect(await scheduledBy(node)).not.toContain('upgradeNode');
        expect(await run.handle.executeUpdate('resume')).toBe('goes on');
      },
    });
    expect(report.outcome).toBe('done');
    expect(world.changes()).toEqual([
      'move 100 pve1→pve2',
      'upgradeNode pve1',
      'awaitRejoin pve1',
      'move 100 pve2→pve1',
    ]);
  });

  it('can be set and ended by signals', async () => {
    const world = aWorld([], { approval: 'plan' });
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilItWaits(run, 'approve the plan');
        await run.handle.signal('pause');
        await run.handle.signal('approve');
        await untilItWaits(run, 'resume');
        expect(world.changes()).toEqual([]);
        await run.handle.signal('resume');
      },
    });
    expect(report.outcome).toBe('done');
  });

  it('that came before the first step of the run is heard', async () => {
    const world = aWorld();
    const paused = roll(environment, world, {
      meanwhile: async (run) => {
        await untilItWaits(run, 'resume');
        expect(world.changes()).toEqual([]);
        await run.handle.executeUpdate('resume');
      },
      signalWithStart: 'pause',
    });
    expect(await paused).toMatchObject({ outcome: 'done' });
  });

  it('says that there was none when a resume finds none', async () => {
    const world = aWorld([], { approval: 'plan' });
    await roll(environment, world, {
      meanwhile: async (run) => {
        await untilItWaits(run, 'approve the plan');
        expect(await run.handle.executeUpdate('resume')).toBe('was not paused');
        await run.handle.executeUpdate('approve');
      },
    });
  });
});

describe('skipping a node', () => {
  it('leaves it out, says so in the report, and goes on with the others', async () => {
    const world = aWorld([aVm(100)], { approval: 'plan' });
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilItWaits(run, 'approve the plan');
        expect(await run.handle.executeUpdate('skipNode', { args: ['pve1'] })).toBe('pve1 will be skipped');
        await run.handle.executeUpdate('approve');
      },
    });
    expect(report.nodes).toMatchObject([
      { node: 'pve1', outcome: 'skipped', reason: 'an operator asked to skip it' },
      { node: 'pve2', outcome: 'updated' },
    ]);
    expect(world.changes()).toEqual(['upgradeNode pve2', 'awaitRejoin pve2']);
  });

  it('that is not in the plan is refused with the names that are, and the run goes on', async () => {
    const world = aWorld([], { approval: 'plan' });
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilItWaits(run, 'approve the plan');
        await expect(run.handle.executeUpdate('skipNode', { args: ['pve9'] })).rejects.toMatchObject({
          cause: { message: 'node: "pve9" is not in the plan (pve1, pve2)' },
        });
        await run.handle.executeUpdate('approve');
      },
    });
    expect(report.outcome).toBe('done');
  });

  it('whose turn has come is refused, and the run goes on', async () => {
    const world = aWorld([], { approval: 'every-node' });
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilNodeAsks(run, 'pve1');
        await expect(run.handle.executeUpdate('skipNode', { args: ['pve1'] })).rejects.toMatchObject({
          cause: { message: expect.stringContaining('pve1 is no longer waiting (awaiting-approval)') as string },
        });
        await run.handle.executeUpdate('skipNode', { args: ['pve2'] });
        await run.handle.executeUpdate('approve');
      },
    });
    expect(report.nodes).toMatchObject([{ outcome: 'updated' }, { outcome: 'skipped' }]);
  });
});

describe('an abort', () => {
  it.each<[string, Step, string[]]>([
    ['the drain', 'moveGuest', ['move 100 pve1→pve2', 'awaitRejoin pve1', 'move 100 pve2→pve1']],
    [
      'the last wait',
      'awaitRejoin',
      ['move 100 pve1→pve2', 'upgradeNode pve1', 'awaitRejoin pve1', 'move 100 pve2→pve1'],
    ],
  ])('in %s lets the step end, brings the guests home and stops the line', async (_, step, changes) => {
    const world = aWorld([aVm(100)]);
    const tell = during(environment, world, step, (run) => run.handle.executeUpdate('abort'), SIGNALED);
    const failure = await failureOf(roll(environment, world, { meanwhile: tell }));
    expect(failure).toMatchObject({ type: 'Aborted', canceled: false, report: { outcome: 'aborted' } });
    expect(failure.report.nodes[1]).toMatchObject({ node: 'pve2', outcome: 'not-reached' });
    expect(world.changes()).toEqual(changes);
  });

  it('while it waits for approval ends the run with nothing touched', async () => {
    const world = aWorld([aVm(100)], { approval: 'plan' });
    const failure = await failureOf(
      roll(environment, world, {
        meanwhile: async (run) => {
          await untilItWaits(run, 'approve the plan');
          await run.handle.signal('abort');
        },
      }),
    );
    expect(failure).toMatchObject({
      type: 'Aborted',
      report: { nodes: [{ outcome: 'not-reached' }, { outcome: 'not-reached' }] },
    });
    expect(world.changes()).toEqual([]);
  });
});

describe('a cancellation', () => {
  it.each<[string, Step, string[]]>([
    ['the drain', 'moveGuest', ['move 100 pve1→pve2', 'awaitRejoin pve1', 'move 100 pve2→pve1']],
    [
      'the upgrade',
      'upgradeNode',
      ['move 100 pve1→pve2', 'upgradeNode pve1', 'awaitRejoin pve1', 'move 100 pve2→pve1'],
    ],
    [
      'the reboot',
      'rebootNode',
      ['move 100 pve1→pve2', 'upgradeNode pve1', 'rebootNode pve1', 'awaitRejoin pve1', 'move 100 pve2→pve1'],
    ],
  ])('in %s lets the step end, brings the guests home, and the run is canceled', async (_, step, changes) => {
    const world = aWorld([aVm(100)], { reboot: 'always' });
    const tell = during(environment, world, step, (run) => run.handle.cancel(), CANCEL_REQUESTED);
    let handle: Run<RollReport>['handle'] | undefined;
    const failure = await failureOf(
      roll(environment, world, {
        meanwhile: (run) => {
          handle = run.handle;
          return tell(run);
        },
      }),
    );
    expect(failure.canceled).toBe(true);
    expect((await handle?.describe())?.status.name).toBe('CANCELLED');
    expect(world.changes()).toEqual(changes);
    expect(world.guests).toMatchObject([{ vmid: 100, node: 'pve1', running: true }]);
  });

  it('of a node alone, by an operator, ends the roll as aborted and says how far the node was', async () => {
    const world = aWorld([aVm(100)]);
    const tell = during(
      environment,
      world,
      'moveGuest',
      (run) => environment.client.workflow.getHandle(run.child).cancel(),
      CANCEL_REQUESTED,
    );
    const failure = await failureOf(roll(environment, world, { meanwhile: tell }));
    expect(failure).toMatchObject({
      type: 'Aborted',
      canceled: false,
      report: {
        nodes: [
          { node: 'pve1', outcome: 'aborted' },
          { node: 'pve2', outcome: 'not-reached' },
        ],
      },
    });
    expect(world.guests).toMatchObject([{ node: 'pve1', running: true }]);
  });
});
