import { fileURLToPath } from 'node:url';
import { Client, ScheduleOverlapPolicy, type ScheduleHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { rollingUpdateId, weeklyUpdatesId } from '../../domain/ids.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import { caretaker as runCaretaker, type CliAnswer } from '../helpers/cli.ts';
import { connectToDevServer, uniqueName } from '../helpers/temporal.ts';

const namespace = uniqueName('schedules');
// It speaks the language of the real workflow and touches nothing.
const STUB = fileURLToPath(new URL('stubs/rolling-update.ts', import.meta.url));

let environment: TestWorkflowEnvironment;
let client: Client;
let cluster: string;

beforeAll(async () => {
  environment = await connectToDevServer();
  client = new Client({ connection: environment.connection, namespace });
  await environment.connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
});

beforeEach(() => {
  cluster = uniqueName('homelab');
});

afterAll(async () => {
  await environment?.teardown();
});

/** Runs the CLI with a configuration that has this section `schedules`. */
function caretaker(sections: string, ...args: string[]): Promise<CliAnswer> {
  return runCaretaker({ cluster, temporalAddress: inject('temporalAddress'), namespace, sections }, ...args);
}

function says(text: RegExp): unknown {
  return expect.stringMatching(text);
}

function handleOf(name: string): ScheduleHandle {
  return client.schedule.getHandle(`${name}/${cluster}`);
}

const NONE = '';
const PLAN = "schedules: { timeZone: Europe/Berlin, nodePlan: { at: 'first saturday 09:00' } }";
const UPDATE = "schedules: { timeZone: Europe/Berlin, nodeUpdate: { at: 'sunday 03:00', catchUp: 2 hours } }";

describe('schedules of the configuration', () => {
  it('are made as they are written, and are not touched by a second apply', async () => {
    expect(await caretaker(PLAN, 'schedules', 'list')).toMatchObject({
      code: 0,
      out: says(/Nothing of .* is scheduled/),
    });
    expect((await caretaker(PLAN, 'schedules', 'plan')).out).toMatch(
      /^\+ node-plan would be made: first saturday 09:00/,
    );
    await expect(handleOf('node-plan').describe()).rejects.toThrow(/not found/);

    expect((await caretaker(PLAN, 'schedules', 'apply')).out).toMatch(/^\+ node-plan was made/);

    const { info, policies, action } = await handleOf('node-plan').describe();
    expect(policies).toMatchObject({ catchupWindow: 3_600_000, overlap: 'SKIP', pauseOnFailure: false });
    expect(action).toMatchObject({ workflowType: 'rollingUpdate', args: [{ dryRun: true }] });
    // Nine in Berlin, in winter and in summer, on days 1 to 7.
    for (const next of info.nextActionTimes) {
      const local = new Intl.DateTimeFormat('en-GB', {
        timeZone: 'Europe/Berlin',
        weekday: 'long',
        day: 'numeric',
        hour: '2-digit',
        minute: '2-digit',
      });
      expect(local.format(next)).toMatch(/^Saturday [1-7],? .*09:00$/);
    }
    expect((await caretaker(PLAN, 'schedules', 'apply')).out).toMatch(/^ {2}node-plan is as it should be/);
  });

  it('have the weekly updates among them, where groups are named for them', async () => {
    const weekly = [
      'hosts: [{ name: pihole-1, address: 127.0.0.1, groups: [lxc] }]',
      'patching: { weekly: [lxc] }',
      'schedules: { timeZone: Europe/Berlin, weeklyUpdates: {} }',
    ].join('\n');
    expect((await caretaker(weekly, 'schedules', 'apply')).out).toMatch(/^\+ weekly-updates was made: sunday 03:00/);
    const { policies, action } = await handleOf('weekly-updates').describe();
    expect(policies).toMatchObject({ catchupWindow: 3_600_000, overlap: 'SKIP', pauseOnFailure: false });
    expect(action).toMatchObject({ workflowType: 'weeklyUpdates', workflowId: weeklyUpdatesId(cluster) });
    expect(await caretaker(weekly.replace('[lxc] }\ns', '[] }\ns'), 'schedules', 'apply')).toMatchObject({
      code: 2,
      err: says(/schedules\.weeklyUpdates has nothing to patch/),
    });
  });

  it('are changed where the configuration changes, and removed where it names them no more', async () => {
    await caretaker(UPDATE, 'schedules', 'apply');
    const later = UPDATE.replace('03:00', '04:15');
    expect((await caretaker(later, 'schedules', 'apply')).out).toMatch(/^~ node-update was changed \(when\)/);
    const { spec } = await handleOf('node-update').describe();
    expect(spec.calendars).toMatchObject([{ hour: [{ start: 4 }], minute: [{ start: 15 }] }]);

    expect((await caretaker(NONE, 'schedules', 'plan')).out).toMatch(/^- node-update would be removed/);
    expect((await caretaker(NONE, 'schedules', 'apply')).out).toMatch(/^- node-update was removed/);
    await expect(handleOf('node-update').describe()).rejects.toThrow(/not found/);
  });

  it('are mended where somebody has changed them by hand', async () => {
    await caretaker(UPDATE, 'schedules', 'apply');
    await handleOf('node-update').update(({ spec, action, state }) => ({
      spec: { ...spec, timezone: 'UTC' },
      action: { ...action, args: [{ reboot: 'never' }] },
      policies: { overlap: ScheduleOverlapPolicy.ALLOW_ALL, catchupWindow: '1 year', pauseOnFailure: false },
      state,
    }));

    expect((await caretaker(UPDATE, 'schedules', 'apply')).out).toContain(
      'node-update was changed (time zone, what it starts, catch-up, overlap, pause on failure)',
    );
    expect((await caretaker(UPDATE, 'schedules', 'plan')).out).toMatch(/^ {2}node-update is as it should be/);
  });

  it('stay paused when they are changed, with the note of who has paused them', async () => {
    await caretaker(UPDATE, 'schedules', 'apply');
    const paused = await caretaker(UPDATE, 'schedules', 'pause', 'node-update', '--note', 'guests over Christmas');
    expect(paused.code).toBe(0);

    await caretaker(UPDATE.replace('03:00', '05:00'), 'schedules', 'apply');

    expect((await handleOf('node-update').describe()).state).toMatchObject({
      paused: true,
      note: 'guests over Christmas',
    });
    expect((await caretaker(UPDATE, 'schedules', 'list')).out).toContain('paused: guests over Christmas');
    await caretaker(UPDATE, 'schedules', 'resume', 'node-update');
    expect((await handleOf('node-update').describe()).state.paused).toBe(false);
  });

  it("are refused, all of them, where one has the id of somebody else's", async () => {
    const foreign = await client.schedule.create({
      scheduleId: `node-plan/${cluster}`,
      spec: { calendars: [{ hour: 1 }] },
      action: { type: 'startWorkflow', workflowType: 'theirs', taskQueue: 'theirs' },
    });
    const both = PLAN.replace('} }', "}, nodeUpdate: { at: 'sunday 03:00' } }");
    const { code, err } = await caretaker(both, 'schedules', 'apply');
    expect({ code, err }).toMatchObject({
      code: 1,
      err: says(/^Nothing was changed: node-plan\/.* is not Caretaker's/),
    });
    await expect(handleOf('node-update').describe()).rejects.toThrow(/not found/);

    await caretaker(NONE, 'schedules', 'apply');
    await caretaker(NONE, 'schedules', 'remove');
    expect((await foreign.describe()).action).toMatchObject({ workflowType: 'theirs' });
    await foreign.delete();
  });

  it('are refused at a time that clocks jump over, with another one to choose', async () => {
    const lost = UPDATE.replace('03:00', '02:30');
    for (const verb of ['plan', 'apply']) {
      expect(await caretaker(lost, 'schedules', verb)).toMatchObject({
        code: 2,
        err: says(/^schedules\.nodeUpdate\.at: on \d{4}-\d\d-\d\d clocks in Europe\/Berlin (jump over|show) 02:30/),
      });
    }
    await expect(handleOf('node-update').describe()).rejects.toThrow(/not found/);
  });

  it('are taken out one by one or all together', async () => {
    const both = PLAN.replace('} }', "}, nodeUpdate: { at: 'sunday 03:00' } }");
    await caretaker(both, 'schedules', 'apply');
    expect((await caretaker(both, 'schedules', 'remove', 'node-plan')).out).toMatch(/^- node-plan was removed/);
    await handleOf('node-update').describe();
    await caretaker(both, 'schedules', 'remove');
    await expect(handleOf('node-update').describe()).rejects.toThrow(/not found/);
    expect(await caretaker(both, 'schedules', 'remove', 'weekly')).toMatchObject({
      code: 2,
      err: says(/no schedule weekly\. Names: node-plan, node-update/),
    });
  });
});

describe('a schedule with a worker', () => {
  let worker: Worker;
  let working: Promise<void>;
  beforeAll(async () => {
    const workflowBundle = await bundleWorkflowCode({ workflowsPath: STUB, logger: new DefaultLogger('WARN') });
    worker = await Worker.create({
      connection: environment.nativeConnection,
      namespace,
      taskQueue: TaskQueue.maintenance,
      workflowBundle,
    });
    working = worker.run();
  });
  afterAll(async () => {
    worker.shutdown();
    await working;
  });

  it('is started at once when asked to, and not a second time while its run is under way', async () => {
    await caretaker(UPDATE, 'schedules', 'apply');
    // The run waits for an approval that nobody gives.
    await handleOf('node-update').update(({ spec, action, policies, state }) => ({
      spec,
      action: { ...action, args: [{ nodes: ['waits'] }] },
      policies,
      state,
    }));
    expect((await caretaker(UPDATE, 'schedules', 'trigger', 'node-update')).out).toContain('node-update starts now');
    const running = () =>
      handleOf('node-update')
        .describe()
        .then(({ info }) => info.runningActions);
    await expect.poll(async () => (await running()).length, { timeout: 20_000 }).toBe(1);
    const [run] = await running();
    expect(run?.workflow.workflowId).toMatch(new RegExp(`^${rollingUpdateId(cluster)}-\\d{4}-`));

    expect(await caretaker(UPDATE, 'schedules', 'trigger', 'node-update')).toMatchObject({
      code: 1,
      err: says(/is under way already\. Nothing was started/),
    });
    const handle = client.workflow.getHandle(run?.workflow.workflowId ?? '');
    await handle.executeUpdate('approve');
    await handle.result();
    await expect
      .poll(async () => (await caretaker(UPDATE, 'schedules', 'list')).out, { timeout: 20_000 })
      .toMatch(/node-update .*sunday 03:00.*completed/);
  });

  it('starts nothing more after a run that failed, until a person has looked', async () => {
    await caretaker(UPDATE, 'schedules', 'apply');
    await handleOf('node-update').update(({ spec, action, policies, state }) => ({
      spec,
      action: { ...action, args: [{ nodes: ['fails'] }] },
      policies,
      state,
    }));
    await caretaker(UPDATE, 'schedules', 'trigger', 'node-update');
    await expect
      .poll(async () => (await handleOf('node-update').describe()).state, { timeout: 60_000, interval: 500 })
      .toMatchObject({ paused: true, note: expect.stringContaining('pve1 did not rejoin') as unknown });
    expect(JSON.parse((await caretaker(UPDATE, 'schedules', 'list', '--json')).out)).toMatchObject([
      { name: 'node-update', paused: true, note: says(/^paused due to workflow failure: .*pve1 did not rejoin/) },
    ]);
  });
});
