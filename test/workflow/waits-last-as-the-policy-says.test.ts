import { activityInfo } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import type { PolicyTimeouts } from '../../domain/policy.ts';
import { aContainer, anHaVm, aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, roll, type Step } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

/** None of them is a default. */
const TIMEOUTS: Partial<PolicyTimeouts> = {
  migration: '31 hours',
  guestShutdown: '32 hours',
  haMove: '33 hours',
  upgrade: '34 hours',
  reboot: '35 hours',
  rejoin: '36 hours',
};

const STEPS = {
  moveGuest: TIMEOUTS.migration,
  ensureGuestStopped: TIMEOUTS.guestShutdown,
  ensureMaintenance: TIMEOUTS.haMove,
  awaitHaGuestsAway: TIMEOUTS.haMove,
  upgradeNode: TIMEOUTS.upgrade,
  rebootNode: TIMEOUTS.reboot,
  awaitRejoin: TIMEOUTS.rejoin,
} as const;

it('each step is given the time of the policy, and Temporal does not end it before', async () => {
  const guests = [aVm(100), aContainer(200), anHaVm(102)];
  const policy = { timeouts: TIMEOUTS, guests: { overrides: { '200': 'shutdown' } }, nodes: ['pve1'] } as const;
  const world = aWorld(guests, { ...policy, reboot: 'always' });
  world.cluster = { qdevice: { votes: 1, connected: true }, ha: { startedServices: 1 } };
  const limits = new Map<Step, number>();
  for (const step of Object.keys(STEPS) as (keyof typeof STEPS)[]) {
    world.before[step] = () => void limits.set(step, limits.get(step) ?? activityInfo().startToCloseTimeoutMs);
  }

  expect(await roll(environment, world)).toMatchObject({ outcome: 'done' });

  for (const [step, within] of Object.entries(STEPS) as [Step, Duration][]) {
    const call = world.calls.find(({ name }) => name === step);
    expect(call?.input, step).toMatchObject({ within });
    expect(limits.get(step), step).toBeGreaterThan(toMilliseconds(within));
  }
});
