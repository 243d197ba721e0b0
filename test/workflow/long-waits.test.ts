import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aNodePlan, aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, roll, updateOneNode } from './roll-world.ts';

// One each: after a run with a child run, such as that of its mail, a time-skipping server skips no time any more.
let environment: TestWorkflowEnvironment;
beforeEach(async () => {
  environment = await timeSkippingEnvironment();
});
afterEach(async () => {
  await environment?.teardown();
});

describe('an approval', () => {
  it('that does not come in twelve hours ends the run as refused, with nothing touched', async () => {
    const world = aWorld([aVm(100)], { approval: 'plan' });
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({ type: 'Refused', report: { outcome: 'refused' } });
    expect(failure.message).toContain('Nobody approved within 12 hours');
    const { startedAt, endedAt } = failure.report;
    expect(Date.parse(endedAt) - Date.parse(startedAt)).toBeGreaterThanOrEqual(12 * 3_600_000);
    expect(world.changes()).toEqual([]);
  });

  it('is asked for by a single node that nobody has planned before', async () => {
    const world = aWorld([], { approval: 'plan' });
    const failure = await failureOf(updateOneNode(environment, world, { node: 'pve1' }));
    expect(failure).toMatchObject({ type: 'Refused', report: { node: 'pve1', outcome: 'refused' } });
    const planned = aNodePlan('pve1', {
      quorum: { verdict: 'read-only-while-away', votesLeft: 1, votesNeeded: 2, explanation: '' },
    });
    expect(await updateOneNode(environment, world, { node: 'pve1', planned })).toMatchObject({ outcome: 'updated' });
  });
});
