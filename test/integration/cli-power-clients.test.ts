import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, makeTelemetryFilterString, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { TaskQueue } from '../../domain/task-queues.ts';
import { registerSearchAttributes } from '../../workers/search-attributes.ts';
import { caretaker as runCaretaker, type CliAnswer } from '../helpers/cli.ts';
import { connectToDevServer, uniqueName, workflowBundle } from '../helpers/temporal.ts';
import { activitiesOf, aNutWorld, settingsOf, type NutWorld } from '../workflow/nut-world.ts';

// Failing runs are what some of these tests want.
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
});

const namespace = uniqueName('nut-clients');
const cluster = uniqueName('homelab');
const SECTIONS = `
power:
  ups: { name: ups, host: 127.0.0.1 }
  clients: { user: nodes, password: { env: NUT_PASSWORD } }`;

let environment: TestWorkflowEnvironment;
let native: NativeConnection;
let world: NutWorld;
let worker: Worker;
let working: Promise<void>;

beforeAll(async () => {
  environment = await connectToDevServer();
  await environment.connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  await registerSearchAttributes(environment.connection, namespace);
  native = await NativeConnection.connect({ address: inject('temporalAddress') });
  // Each test has a world of its own behind one worker.
  const current = new Proxy({} as NutWorld, { get: (_, key) => Reflect.get(world, key) as unknown });
  worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue: TaskQueue.maintenance,
    workflowBundle: workflowBundle(),
    activities: activitiesOf(current, settingsOf(cluster)),
  });
  working = worker.run();
});
afterAll(async () => {
  worker.shutdown();
  await working;
  await native.close();
  await environment.teardown();
});
beforeEach(() => {
  world = aNutWorld();
});

function caretaker(...args: string[]): Promise<CliAnswer> {
  const temporalAddress = inject('temporalAddress');
  return runCaretaker({ cluster, temporalAddress, namespace, sections: SECTIONS }, ...args);
}

it('install makes the nodes clients and says what is left to do on the NUT server', async () => {
  const { code, out } = await caretaker('power', 'clients', 'install');
  expect(code).toBe(0);
  expect(out).toContain('pve1: wrote /etc/nut/upsmon.conf; the NUT server lists it');
  expect(out).toContain('HOSTSYNC 360');
  expect(out).toContain('FINALDELAY 360');
});

it('a node that fails makes the command fail, with its reason', async () => {
  world.before.awaitNutClient = ({ node }) => {
    if (node === 'pve2')
      throw ApplicationFailure.nonRetryable('It is not listed. Check the user.', 'NutClientNotProved');
  };
  const { code, out } = await caretaker('power', 'clients', 'install', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({
    status: 'failed',
    type: 'NutClientsFailed',
    report: {
      outcome: 'failed',
      clients: [
        { node: 'pve1', outcome: 'changed' },
        { node: 'pve2', outcome: 'failed' },
      ],
    },
  });
});

it('remove takes them back, and a second one is not started beside it', async () => {
  world.asDeclared.add('pve1');
  let second: CliAnswer | undefined;
  world.before.removeNutClientFiles = async ({ node }) => {
    if (node === 'pve1') second = await caretaker('power', 'clients', 'install');
  };
  const { code, out } = await caretaker('power', 'clients', 'remove');
  expect(code).toBe(0);
  expect(out).toContain('restored /etc/nut/upsmon.conf');
  expect(out).not.toContain('HOSTSYNC');
  expect(second).toMatchObject({ code: 1, err: expect.stringContaining('is running already') as string });
});

it('a node that is not configured is refused before anything is started', async () => {
  const { code, err } = await caretaker('power', 'clients', 'install', 'goez');
  expect(code).toBe(2);
  expect(err).toContain('nodes[0] is goez, which is not a configured node. Did you mean goes?');
  expect(world.calls).toEqual([]);
});
