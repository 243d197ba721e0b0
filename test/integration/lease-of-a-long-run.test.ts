import { WithStartWorkflowOperation, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLeaseActivities } from '../../activities/lease.ts';
import { maintenanceLeaseId, patchFleetId, patchHostId, weeklyUpdatesId } from '../../domain/ids.ts';
import type { LeaseAnswer, LeaseRequest, LeaseView, RunRef } from '../../domain/lease.ts';
import type { FleetReport } from '../../domain/patch.ts';
import { registerSearchAttributes } from '../../workers/search-attributes.ts';
import { connectToDevServer, uniqueName } from '../helpers/temporal.ts';
import { activitiesOf, aFleetWorld, aGate, fleetBundle, hostNames, type FleetWorld } from '../workflow/fleet-world.ts';

const PATIENCE = { timeout: 60_000, interval: 100 };

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await connectToDevServer();
  await registerSearchAttributes(environment.connection, 'default');
});
afterAll(() => environment.teardown());

// The lease looks after a holder whenever somebody asks who has to wait, and by itself once a minute.
describe('the lease of a run that patches hosts', { timeout: 240_000 }, () => {
  let world: FleetWorld;
  let taskQueue: string;
  let stop: () => Promise<void>;
  let gate: ReturnType<typeof aGate>;

  beforeEach(async () => {
    world = aFleetWorld({
      lxc: { hosts: hostNames(4), policy: { serial: 1, continueOnError: true, maxFailures: null } },
    });
    taskQueue = uniqueName('maintenance');
    gate = aGate();
    const worker = await Worker.create({
      connection: environment.nativeConnection,
      taskQueue,
      workflowBundle: await fleetBundle(),
      activities: { ...activitiesOf(world), ...createLeaseActivities() },
    });
    const running = worker.run();
    stop = async () => {
      worker.shutdown();
      await running;
    };
  });
  afterEach(async () => {
    gate.open();
    const { cluster } = world;
    const ids = [weeklyUpdatesId(cluster), patchFleetId(cluster, 'lxc'), maintenanceLeaseId(cluster)];
    for (const id of ids)
      await handleOf(id)
        .terminate()
        .catch(() => undefined);
    await stop();
  });

  const handleOf = (id: string): WorkflowHandle => environment.client.workflow.getHandle(id);
  const holder = async () => (await handleOf(maintenanceLeaseId(world.cluster)).query<LeaseView>('lease')).holder?.run;

  /** Holds the third host until the gate opens; by then a run that continues as new after each host has done so twice. */
  function holdThirdHost(): void {
    world.patch = async ({ host }) => {
      if (host === 'host-3') await gate.passed;
      return {};
    };
  }

  /** Somebody else who wants the cluster. */
  function ask(run: RunRef): Promise<LeaseAnswer> {
    const request: LeaseRequest = { run, reason: 'rolling update', priority: 'maintenance' };
    return environment.client.workflow.executeUpdateWithStart<
      (input: { cluster: string }) => Promise<void>,
      LeaseAnswer,
      [LeaseRequest]
    >('request', {
      args: [request],
      startWorkflowOperation: new WithStartWorkflowOperation('maintenanceLease', {
        workflowId: maintenanceLeaseId(world.cluster),
        workflowIdConflictPolicy: 'USE_EXISTING',
        taskQueue,
        args: [{ cluster: world.cluster }],
      }),
    });
  }

  /** Through its own activity, as soon as somebody asks again. */
  async function untilTheLeaseHasLooked(by: RunRef): Promise<void> {
    const lease = handleOf(maintenanceLeaseId(world.cluster));
    const looks = async () =>
      ((await lease.fetchHistory()).events ?? []).filter(
        (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'isRunOver',
      ).length;
    const before = await looks();
    await ask(by);
    await expect.poll(looks, { timeout: 120_000, interval: 200 }).toBeGreaterThan(before);
  }

  it('stays with a run that has continued as new, and passes on at its end', async () => {
    holdThirdHost();
    const id = patchFleetId(world.cluster, 'lxc');
    const run = await environment.client.workflow.start('patchFleet', {
      taskQueue,
      workflowId: id,
      args: [{ name: 'lxc', longest: 1 }],
    });
    await expect.poll(() => world.inHand.has('host-3'), PATIENCE).toBe(true);
    const now = await handleOf(id).describe();
    expect(now.runId).not.toBe(run.firstExecutionRunId);

    const other = { workflowId: uniqueName('rolling-update'), runId: 'another' };
    expect(await ask(other)).toMatchObject({ granted: false, holder: { run: { workflowId: id } } });
    await untilTheLeaseHasLooked(other);
    expect(await holder()).toEqual({ workflowId: id, runId: run.firstExecutionRunId });

    gate.open();
    expect(((await run.result()) as FleetReport).outcome).toBe('done');
    await expect.poll(async () => (await holder())?.workflowId, PATIENCE).toBe(other.workflowId);
  });

  it('stays with weekly updates that were terminated until the host that they have left has come to its end', async () => {
    holdThirdHost();
    const id = weeklyUpdatesId(world.cluster);
    const weekly = await environment.client.workflow.start('weeklyUpdates', {
      taskQueue,
      workflowId: id,
      args: [{ longest: 1 }],
    });
    await expect.poll(() => world.inHand.has('host-3'), PATIENCE).toBe(true);
    await weekly.terminate('by the test');
    const other = { workflowId: uniqueName('rolling-update'), runId: 'another' };
    expect(await ask(other)).toMatchObject({ granted: false });
    await untilTheLeaseHasLooked(other);
    expect((await holder())?.workflowId).toBe(id);

    // Not even when the run of the group is terminated, too.
    await handleOf(patchFleetId(world.cluster, 'lxc'))
      .terminate('by the test')
      .catch(() => undefined);
    await untilTheLeaseHasLooked(other);
    expect((await holder())?.workflowId).toBe(id);

    gate.open();
    await handleOf(patchHostId(world.cluster, 'host-3'))
      .result()
      .catch(() => undefined);
    await untilTheLeaseHasLooked(other);
    await expect.poll(async () => (await holder())?.workflowId, PATIENCE).toBe(other.workflowId);
    expect(world.begun.map(({ host }) => host)).toEqual(['host-1', 'host-2', 'host-3']);
  });

  it('passes on at once when the run that was told to make way for power has ended', async () => {
    holdThirdHost();
    const id = patchFleetId(world.cluster, 'lxc');
    const run = await environment.client.workflow.start('patchFleet', {
      taskQueue,
      workflowId: id,
      args: [{ name: 'lxc', longest: 1 }],
    });
    await expect.poll(() => world.inHand.has('host-3'), PATIENCE).toBe(true);
    const power: LeaseRequest = {
      run: { workflowId: 'power-guard/rack', runId: 'p' },
      reason: 'on battery',
      priority: 'power',
    };
    await handleOf(maintenanceLeaseId(world.cluster)).executeUpdate('preempt', { args: [power] });
    const heard = async () =>
      ((await handleOf(patchHostId(world.cluster, 'host-3')).fetchHistory()).events ?? []).flatMap(
        (event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? [],
      );
    await expect.poll(heard, PATIENCE).toContain('preempted');
    gate.open();
    await expect(run.result()).rejects.toMatchObject({
      cause: { type: 'Aborted', message: expect.stringContaining('Pre-empted by power-guard/rack') as string },
    });
    await expect.poll(async () => (await holder())?.workflowId, PATIENCE).toBe('power-guard/rack');
  });

  it('and a host whose run was terminated is a failed line, while the others go on', async () => {
    holdThirdHost();
    const run = await environment.client.workflow.start('patchFleet', {
      taskQueue,
      workflowId: patchFleetId(world.cluster, 'lxc'),
      args: [{ name: 'lxc' }],
    });
    await expect.poll(() => world.inHand.has('host-3'), PATIENCE).toBe(true);
    await handleOf(patchHostId(world.cluster, 'host-3')).terminate('by the test');
    const failure = (await run.result().catch((error: unknown) => error)) as { cause: { details: [FleetReport] } };
    expect(failure.cause.details[0].hosts).toMatchObject([
      { outcome: 'patched' },
      { outcome: 'patched' },
      { outcome: 'failed', reason: expect.stringContaining('terminated') as string },
      { outcome: 'patched' },
    ]);
  });
});
