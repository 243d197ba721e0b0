import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DEFAULT_PATCH_POLICY } from '../../config/patch-schema.ts';
import type { RemoveSnapshotInput } from '../../workflows/remove-snapshot.ts';
import { timeSkippingEnvironment, uniqueName, workflowBundle } from '../helpers/temporal.ts';
import { aHostWorld, type HostWorld } from './host-world.ts';
import { until } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeEach(async () => {
  environment = await timeSkippingEnvironment();
});
afterEach(async () => {
  await environment?.teardown();
});

const THREE_DAYS = 3 * 24 * 3_600_000;

/** Runs `removeSnapshot` for a snapshot that is kept for three days; gives its result and how long it took. */
async function remove(world: HostWorld, signal?: 'removeNow' | 'keepSnapshot') {
  const taskQueue = uniqueName('maintenance');
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue,
    workflowBundle: workflowBundle(),
    activities: world.activities,
  });
  return worker.runUntil(async () => {
    const begun = await environment.currentTimeMs();
    const at = new Date(begun + THREE_DAYS).toISOString();
    const { timeouts } = DEFAULT_PATCH_POLICY;
    const input: RemoveSnapshotInput = {
      cluster: 'homelab',
      host: 'pihole-1',
      vmid: 192,
      name: 'caretaker-1',
      at,
      timeouts,
    };
    const options = { taskQueue, workflowId: uniqueName('remove-snapshot'), args: [input] };
    const { workflow } = environment.client;
    // A signal that comes later may find that the server has skipped the three days already.
    const handle =
      signal === undefined
        ? await workflow.start('removeSnapshot', options)
        : await workflow.signalWithStart('removeSnapshot', { ...options, signal, signalArgs: [] });
    const result: unknown = await handle.result().catch((error: Error) => error.cause);
    const took = (await environment.currentTimeMs()) - begun;
    if (result instanceof Error) await until(() => world.mails.length > 0);
    return { result, took };
  });
}

it('a snapshot is removed when its time is over, and not before', async () => {
  const world = aHostWorld();
  world.snapshots = ['caretaker-1'];
  const { result, took } = await remove(world);
  expect(result).toBe('removed');
  expect(world.snapshots).toEqual([]);
  expect(took).toBeGreaterThanOrEqual(THREE_DAYS);
});

it('a snapshot that is not needed is removed at once', async () => {
  const world = aHostWorld();
  const { result, took } = await remove(world, 'removeNow');
  expect(result).toBe('removed');
  expect(took).toBeLessThan(THREE_DAYS);
});

it('a snapshot that is the way back of a person is left to him', async () => {
  const world = aHostWorld();
  const { result } = await remove(world, 'keepSnapshot');
  expect(result).toBe('kept');
  expect(world.calls).toEqual([]);
});

it('a removal that the guest is too busy for is tried again later', async () => {
  const world = aHostWorld();
  let tries = 0;
  world.before.removeSnapshot = () => {
    tries += 1;
    if (tries < 4) throw ApplicationFailure.nonRetryable('it is locked (backup)', 'SnapshotFailed');
  };
  expect((await remove(world)).result).toBe('removed');
  expect(tries).toBe(4);
});

it('a removal that does not succeed in a day fails, and a mail leaves it to a person', async () => {
  const world = aHostWorld();
  world.before.removeSnapshot = () => {
    throw ApplicationFailure.nonRetryable('it is locked (migrate)', 'SnapshotFailed');
  };
  const { result, took } = await remove(world);
  expect(result).toMatchObject({ type: 'SnapshotFailed', message: expect.stringContaining('migrate') as string });
  expect(took).toBeGreaterThan(THREE_DAYS + 20 * 3_600_000);
  expect(world.mails.map(({ subject }) => subject)).toEqual([
    'TO DO: remove the snapshot caretaker-1 of pihole-1 (192) by hand',
  ]);
});
