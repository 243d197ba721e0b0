import { Context } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WatchPowerInput } from '../../activities/power/watch.ts';
import { powerGuardId } from '../../domain/ids.ts';
import { NEW_WATCH } from '../../planning/power-watch.ts';
import type { powerGuard, PowerGuardInput } from '../../workflows/power-guard.ts';
import { somePowerSettings } from '../helpers/power-builders.ts';
import { timeSkippingEnvironment, uniqueName, workflowBundle } from '../helpers/temporal.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(() => environment.teardown());

/** In seconds. */
const YEAR = 365 * 24 * 3_600;

/** A watch that never comes back. */
const watchForEver = (): Promise<never> => Context.current().cancelled;

describe('a guard', () => {
  it('that continues while nobody is there to read the configuration waits without end, with what it has counted', async () => {
    const taskQueue = uniqueName('power');
    const carried: PowerGuardInput['carried'] = {
      state: { watch: { ...NEW_WATCH, onBattery: 100_000 }, seenAt: null },
      told: [],
      recent: [],
      since: new Date(0).toISOString(),
    };
    const guard = await environment.client.workflow.start<typeof powerGuard>('powerGuard', {
      workflowId: powerGuardId(uniqueName('ups')),
      taskQueue,
      args: [{ carried }],
    });
    let handedOn: WatchPowerInput | undefined;
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue,
      workflowBundle: workflowBundle(),
      activities: {
        loadPowerSettings: () => Promise.resolve(somePowerSettings()),
        watchPower: (input: WatchPowerInput) => {
          handedOn = input;
          return watchForEver();
        },
      },
    });
    await worker.runUntil(async () => {
      while (handedOn === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    });
    const { events } = await guard.fetchHistory();
    const [reading, watching] = (events ?? []).flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
    // There is no time after which the guard would fail; this server writes ten years for it.
    for (const scheduled of [reading, watching]) {
      expect(Number(scheduled?.scheduleToCloseTimeout?.seconds ?? 0) || Infinity).toBeGreaterThan(YEAR);
      expect(scheduled?.retryPolicy?.maximumAttempts ?? 0).toBe(0);
    }
    expect(handedOn?.state.watch.onBattery).toBe(100_000);
    await guard.terminate();
  });
});
