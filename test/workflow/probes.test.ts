import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { aVm, theSoftware } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, roll, updateOneNode, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

const probed: PolicyOverrides = {
  probes: [{ name: 'web shop', kind: 'http', url: 'http://shop/', timeout: '1 second' }],
};

function fails(world: World, detail = 'no answer within 1000 ms'): void {
  world.ailing.set('web shop', { name: 'web shop', ok: false, detail });
}

// First here: after a run with a child run, the time-skipping server skips no time any more.
describe('a soak', () => {
  const soaking: PolicyOverrides = { ...probed, soak: '20 minutes' };

  it('lasts as long as the policy says, with the guests at home, and looks again and again', async () => {
    const world = aWorld([aVm(100)], soaking);
    const report = await updateOneNode(environment, world, { node: 'pve1' });
    expect(report).toMatchObject({ outcome: 'updated', guests: [{ at: 'home' }] });
    const began = report.phases.find(({ phase }) => phase === 'verifying')?.startedAt ?? '';
    const ended = report.phases.find(({ phase }) => phase === 'done')?.startedAt ?? '';
    expect(Date.parse(ended) - Date.parse(began)).toBeGreaterThanOrEqual(20 * 60_000);
    const names = world.calls.map(({ name }) => name);
    expect(names.filter((name) => name === 'checkProbes').length).toBeGreaterThanOrEqual(20);
    expect(names.at(-1), 'the node is looked at once more').toBe('awaitRejoin');
  });

  it('forgives a service that needs a while to start', async () => {
    const world = aWorld([], soaking);
    let looks = 0;
    world.before.checkProbes = () => {
      looks += 1;
      world.ailing.clear();
      if (looks > 1 && looks < 10) fails(world);
    };
    expect(await updateOneNode(environment, world, { node: 'pve1' })).toMatchObject({ outcome: 'updated' });
    expect(looks).toBeGreaterThan(10);
  });

  it('does not forgive one that fails at its end', async () => {
    const world = aWorld([], soaking);
    let looks = 0;
    world.before.checkProbes = () => {
      looks += 1;
      if (looks > 5) fails(world);
    };
    const failure = await failureOf(updateOneNode(environment, world, { node: 'pve1' }));
    expect(failure).toMatchObject({ type: 'NodeUpdateFailed', report: { outcome: 'failed', openUndo: [] } });
    expect(failure.message).toContain(
      'after a soak of 20 minutes something is not as before: "web shop" fails (no answer within 1000 ms)',
    );
  });
});

describe('a probe that fails before anything is touched', () => {
  it('refuses the roll, with what was seen and what to do', async () => {
    const world = aWorld([aVm(100)], probed);
    fails(world);
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({ type: 'Refused', report: { outcome: 'refused' } });
    expect(failure.message).toContain(
      'the probe "web shop" fails before anything is touched: no answer within 1000 ms; mend what it looks at',
    );
    expect(world.changes()).toEqual([]);
  });

  it('is not asked where nothing is to be done', async () => {
    const world = aWorld([], probed);
    for (const node of world.nodes) world.software.set(node, theSoftware(node));
    fails(world);
    expect(await roll(environment, world)).toMatchObject({ outcome: 'nothing-to-do' });
  });
});

describe('a probe that fails after the first node', () => {
  it('stops the line, with the guests at home and nothing left to undo', async () => {
    const world = aWorld([aVm(100)], probed);
    world.before.upgradeNode = () => fails(world, 'answered with status 502 instead of 200');
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({
      type: 'RollFailed',
      report: {
        nodes: [
          { node: 'pve1', outcome: 'failed', guests: [{ at: 'home' }], openUndo: [] },
          { node: 'pve2', outcome: 'not-reached' },
        ],
      },
    });
    expect(failure.message).toContain('"web shop" fails (answered with status 502 instead of 200)');
    expect(world.changes()).not.toContain('upgradeNode pve2');
  });
});
