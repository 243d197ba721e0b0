import { WithStartWorkflowOperation, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Activities } from '../../activities/index.ts';
import { createLeaseActivities } from '../../activities/lease.ts';
import { maintenanceLeaseId } from '../../domain/ids.ts';
import type { LeaseAnswer, LeasePriority, LeaseRequest, LeaseView, RunRef } from '../../domain/lease.ts';
import { registerSearchAttributes } from '../../workers/search-attributes.ts';
import type { LeaseInput } from '../../workflows/maintenance-lease.ts';
import { connectToDevServer, uniqueName, workflowBundle } from '../helpers/temporal.ts';
import { aWorld, progressOf } from '../workflow/roll-world.ts';

const PATIENCE = { timeout: 20_000, interval: 50 };

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await connectToDevServer();
  await registerSearchAttributes(environment.connection, 'default');
});
afterAll(() => environment.teardown());

/**
 * A lease of its own for each test, and runs that hold or want it: rolls that wait for a person until they are told. The
 * lease under which they have made their plans is pretended.
 */
describe('the lease', () => {
  const world = aWorld([], { approval: 'plan' });
  let cluster: string;
  let taskQueue: string;
  let stop: () => Promise<void>;
  let runs: WorkflowHandle[];

  beforeEach(async () => {
    cluster = uniqueName('cluster');
    taskQueue = uniqueName('maintenance');
    runs = [];
    world.before = {};
    const real: Pick<Activities, 'isRunOver'> = createLeaseActivities();
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue,
      workflowBundle: workflowBundle(),
      activities: {
        ...world.activities,
        isRunOver: async (input: Parameters<typeof real.isRunOver>[0]) => {
          await world.before.isRunOver?.(input);
          return real.isRunOver(input);
        },
      },
    });
    const running = worker.run();
    stop = async () => {
      worker.shutdown();
      await running;
    };
  });
  afterEach(async () => {
    for (const run of [...runs, lease()]) await run.terminate().catch(() => undefined);
    await stop();
  });

  const lease = () => environment.client.workflow.getHandle(maintenanceLeaseId(cluster));
  const view = () => lease().query<LeaseView>('lease');
  const queue = async () => (await view()).queue.map(({ run }) => run.workflowId);
  const holder = async () => (await view()).holder?.run.workflowId;

  async function aRun(name: string): Promise<RunRef & { readonly handle: WorkflowHandle }> {
    const workflowId = uniqueName(name);
    const handle = await environment.client.workflow.start('rollingUpdate', { taskQueue, workflowId, args: [] });
    runs.push(handle);
    await expect.poll(async () => (await progressOf(handle)).asking, PATIENCE).toBe(true);
    return { workflowId, runId: handle.firstExecutionRunId, handle };
  }

  function ask(
    { workflowId, runId }: RunRef,
    priority: LeasePriority = 'maintenance',
    input: Partial<LeaseInput> = {},
  ): Promise<LeaseAnswer> {
    const request: LeaseRequest = { run: { workflowId, runId }, reason: `test of ${workflowId}`, priority };
    return environment.client.workflow.executeUpdateWithStart<
      (input: LeaseInput) => Promise<void>,
      LeaseAnswer,
      [LeaseRequest]
    >(priority === 'power' ? 'preempt' : 'request', {
      args: [request],
      startWorkflowOperation: new WithStartWorkflowOperation('maintenanceLease', {
        workflowId: maintenanceLeaseId(cluster),
        workflowIdConflictPolicy: 'USE_EXISTING',
        taskQueue,
        args: [{ cluster, ...input }],
      }),
    });
  }

  const release = ({ workflowId, runId }: RunRef) => lease().signal('release', { workflowId, runId });

  const heard = async ({ handle }: { handle: WorkflowHandle }) =>
    ((await handle.fetchHistory()).events ?? []).flatMap(
      (event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? [],
    );

  it('is started by the first who asks; the second waits with its reason in sight and is told when it is its turn', async () => {
    const [first, second] = [await aRun('first'), await aRun('second')];
    expect(await ask(first)).toEqual({ granted: true });
    expect(await ask(second)).toMatchObject({ granted: false, holder: { run: { workflowId: first.workflowId } } });
    expect((await view()).queue).toMatchObject([{ reason: `test of ${second.workflowId}` }]);
    expect(await heard(second)).toEqual([]);

    await release(first);

    await expect.poll(() => heard(second), PATIENCE).toEqual(['leaseGranted']);
    expect(await ask(second)).toEqual({ granted: true });
  });

  it('is taken from a holder that was terminated, as soon as somebody else asks', async () => {
    const [gone, next] = [await aRun('gone'), await aRun('next')];
    await ask(gone);
    await gone.handle.terminate('by the test');
    await ask(next);
    await expect.poll(() => heard(next), PATIENCE).toEqual(['leaseGranted']);
  });

  it('passes over a run that was terminated while it waited', async () => {
    const [first, gone, next] = [await aRun('first'), await aRun('gone'), await aRun('next')];
    for (const run of [first, gone, next]) await ask(run);
    await gone.handle.terminate('by the test');
    await release(first);
    await expect.poll(() => heard(next), PATIENCE).toEqual(['leaseGranted']);
    expect(await holder()).toBe(next.workflowId);
  });

  it('stays with a holder that cannot be looked up', async () => {
    const [first, next] = [await aRun('first'), await aRun('next')];
    let looks = 0;
    world.before.isRunOver = () => {
      looks += 1;
      throw new Error('Temporal does not answer');
    };
    await ask(first);
    await first.handle.terminate('by the test');
    await ask(next);
    // The second try of the first look has failed as well.
    await expect.poll(() => looks, PATIENCE).toBeGreaterThan(1);
    await ask(next);
    await expect.poll(() => looks, PATIENCE).toBeGreaterThan(3);
    expect(await holder()).toBe(first.workflowId);
    expect(await heard(next)).toEqual([]);
  });

  it('goes to power next, whatever the length of the queue, and tells the holder who needs it', async () => {
    const [first, second, power] = [await aRun('first'), await aRun('second'), await aRun('power')];
    for (const run of [first, second]) await ask(run);
    expect(await ask(power, 'power')).toMatchObject({ granted: false });
    expect(await queue()).toEqual([power.workflowId, second.workflowId]);
    await expect.poll(() => heard(first), PATIENCE).toEqual(['preempted']);
    // The holder was waiting for a person: that is a safe point.
    await expect(first.handle.result()).rejects.toMatchObject({
      cause: { type: 'Aborted', message: expect.stringContaining(`Pre-empted by ${power.workflowId}`) as string },
    });
    await release(first);
    await expect.poll(() => heard(power), PATIENCE).toEqual(['leaseGranted']);
  });

  it('loses no request and no turn while it continues as new again and again', async () => {
    const [first, ...others] = [await aRun('first'), await aRun('a'), await aRun('b'), await aRun('c')];
    await ask(first, 'maintenance', { longestHistory: 12 });
    const begun = await lease().describe();
    for (const run of others) await ask(run);
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all([first, ...others].map((run) => ask(run)));
      expect(answers.map(({ granted }) => granted)).toEqual([true, false, false, false]);
    }
    await expect.poll(async () => (await lease().describe()).runId, PATIENCE).not.toBe(begun.runId);
    const now = await lease().describe();
    expect(now.historyLength).toBeLessThan(40);
    expect(await queue()).toEqual(others.map(({ workflowId }) => workflowId));
    for (const [index, run] of others.entries()) {
      await release([first, ...others][index] as RunRef);
      await expect.poll(() => heard(run), PATIENCE).toEqual(['leaseGranted']);
    }
  });

  it('turns away who does not say who asks, and goes on', async () => {
    const first = await aRun('first');
    await ask(first);
    await expect(lease().executeUpdate('request', { args: [{ reason: 'mine' }] })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('run, reason: say who asks and why') as string },
    });
    await lease().signal('release');
    expect(await ask(first)).toEqual({ granted: true });
  });

  it('goes on over a cancellation, for without it two runs could have the cluster', async () => {
    const [first, second] = [await aRun('first'), await aRun('second')];
    await ask(first);
    await lease().cancel();
    expect(await ask(second)).toMatchObject({ granted: false });
    expect((await lease().describe()).status.name).toBe('RUNNING');
  });

  it('ends when nobody needs it, and the next who asks brings it back', { timeout: 90_000 }, async () => {
    const first = await aRun('first');
    await ask(first);
    await release(first);
    await expect
      .poll(async () => (await lease().describe()).status.name, { timeout: 60_000, interval: 500 })
      .toBe('COMPLETED');
    expect(await ask(first)).toEqual({ granted: true });
  });
});
