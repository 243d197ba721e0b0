import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { undoLaterId } from '../../domain/ids.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import { runCli } from '../../scripts/cli/program.ts';
import { registerSearchAttributes } from '../../workers/search-attributes.ts';
import { aLeftover } from '../helpers/builders.ts';
import { connectToDevServer, uniqueName } from '../helpers/temporal.ts';

// A namespace of its own: the task queue has a fixed name, and other files have workers on it.
const namespace = uniqueName('cli');
const cluster = uniqueName('homelab');
const STUB = fileURLToPath(new URL('stubs/rolling-update.ts', import.meta.url));

let folder: string;
let environment: TestWorkflowEnvironment;
let worker: Worker;
let working: Promise<void>;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caretaker-cli-'));
  const config = join(folder, 'caretaker.yaml');
  await writeFile(config, configOf(['goes', 'fails', 'waits']));
  env = { CARETAKER_CONFIG: config, TEMPORAL_ADDRESS: inject('temporalAddress'), TEMPORAL_NAMESPACE: namespace };
  environment = await connectToDevServer();
  await environment.connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
});

afterAll(async () => {
  await environment?.teardown();
  await rm(folder, { recursive: true });
});

function configOf(nodes: readonly string[]): string {
  const entries = nodes.map((name) => `    - { name: ${name}, address: 127.0.0.1 }`).join('\n');
  const access = '  api: { token: { env: T }, caFile: ca }\n  ssh: { privateKey: { env: K }, knownHosts: k }';
  return `cluster:\n  name: ${cluster}\n${access}\n  nodes:\n${entries}\n`;
}

async function caretaker(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runCli(args, {
    env,
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

function untilStatus(text: string): Promise<void> {
  return vi.waitFor(async () => expect((await caretaker('status', '--json')).out).toContain(text), { timeout: 20_000 });
}

describe('without a worker', () => {
  it('starts nothing, says that nobody would do the work, and exits with 2', async () => {
    const { code, err } = await caretaker('update');
    expect(code).toBe(2);
    expect(err).toMatch(/No worker asks the task queue maintenance .* Nothing was started/);
    const { out } = await caretaker('status');
    expect(out).toContain(`There has been no rolling update of ${cluster} yet.`);
  });
});

describe('with a worker', () => {
  beforeAll(async () => {
    const workflowBundle = await bundleWorkflowCode({ workflowsPath: STUB, logger: new DefaultLogger('WARN') });
    worker = await Worker.create({
      connection: environment.nativeConnection,
      namespace,
      taskQueue: TaskQueue.maintenance,
      workflowBundle,
    });
    working = worker.run();
    await vi.waitFor(async () => expect((await caretaker('plan')).code).toBe(0), { timeout: 30_000 });
  });

  afterAll(async () => {
    worker?.shutdown();
    await working;
  });

  afterEach(async () => {
    await caretaker('cancel');
    await vi.waitFor(async () => expect((await caretaker('status', '--json')).out).not.toContain('"running"'), {
      timeout: 20_000,
    });
  });

  it('plans under an id of its own', async () => {
    const { code, out } = await caretaker('plan', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      status: 'completed',
      report: { outcome: 'planned' },
      workflowId: expect.stringMatching(`^rolling-update-plan/${cluster}/`) as string,
    });
  });

  it('follows an update to its end and exits with 0', async () => {
    const { code, out } = await caretaker('update', 'goes');
    expect(out).toContain('Everything went well.');
    expect(code).toBe(0);
    expect((await caretaker('status')).code).toBe(0);
  });

  it('exits with 1 and the report when the run fails', async () => {
    const { code, out } = await caretaker('update', 'fails', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ status: 'failed', type: 'RollFailed', report: { outcome: 'failed' } });
    expect(await caretaker('status')).toMatchObject({
      code: 1,
      out: expect.stringContaining('pve1 did not rejoin') as string,
    });
  });

  it('does not start a second run beside the first, and says how to follow that', async () => {
    expect(await caretaker('update', 'waits', '--detach')).toMatchObject({ code: 0 });
    const { code, err } = await caretaker('update', 'waits');
    expect(code).toBe(1);
    expect(err).toContain('already running; a second one was not started. Follow it with `caretaker status --follow`');
  });

  it('shows what the run waits for, takes the approval, and refuses a second one', async () => {
    await caretaker('update', 'waits', '--detach');
    expect((await caretaker('status')).out).toContain('Waits for you: approve the plan');
    expect(await caretaker('approve')).toMatchObject({ code: 0, out: 'The plan is approved.\n' });
    await untilStatus('"done"');
    expect(await caretaker('approve')).toMatchObject({
      code: 1,
      err: expect.stringContaining('No rolling update') as string,
    });
  });

  it('shows what an earlier run has left, takes one entry or all off the list, and refuses an unknown one', async () => {
    expect(await caretaker('undo')).toMatchObject({ code: 0, out: `Nothing is left to be undone on ${cluster}.\n` });
    expect(await caretaker('undo', 'retry')).toMatchObject({ code: 1 });
    await registerSearchAttributes(environment.connection, namespace);
    const left = { ...aLeftover(), cluster, node: 'goes' };
    await new Client({ connection: environment.connection, namespace }).workflow.start('undoLater', {
      workflowId: undoLaterId(cluster, 'goes'),
      taskQueue: TaskQueue.maintenance,
      args: [{ left }],
    });
    expect((await caretaker('undo')).out).toContain('HA maintenance mode of pve1 is still on');
    expect((await caretaker('status')).out).toContain('Still to be undone on goes');
    const { stillToUndo } = JSON.parse((await caretaker('status', '--json')).out) as { stillToUndo: unknown };
    expect(stillToUndo).toMatchObject([{ node: 'goes', view: { tries: 0, open: [{}, {}, {}] } }]);
    expect(await caretaker('undo', 'forget', 'goes', '999')).toMatchObject({
      code: 1,
      err: expect.stringContaining('name one of maintenance, 100, backup:nightly') as string,
    });
    expect((await caretaker('undo', 'forget', 'goes', '100')).out).toContain('100: left to you; 2 still to be undone');
    expect((await caretaker('undo', 'retry', 'goes')).out).toContain('goes: Tries now; 2 still to be undone.');
    expect((await caretaker('undo', 'forget', 'goes')).out).toContain('nothing is left to be undone');
    await new Client({ connection: environment.connection, namespace }).workflow
      .getHandle(undoLaterId(cluster, 'goes'))
      .terminate('its activities have no worker here');
    expect((await caretaker('undo')).out).toContain('Nothing is left to be undone');
  });

  it('shows what was given up, with what to do by hand; it cannot be tried or taken off the list any more', async () => {
    const left = { ...aLeftover(), cluster, node: 'goes' };
    const given = await new Client({ connection: environment.connection, namespace }).workflow.start('undoLater', {
      workflowId: undoLaterId(cluster, 'goes'),
      taskQueue: TaskQueue.maintenance,
      args: [{ left }],
    });
    await given.query('undo');
    await given.terminate('an operator had enough');
    const { code, out } = await caretaker('undo');
    expect(code).toBe(0);
    expect(out).toContain('Given up on goes, left to you');
    expect(out).toContain('node-maintenance disable pve1');
    expect((await caretaker('status')).out).toContain('Given up on goes, left to you');
    expect(await caretaker('undo', 'retry')).toMatchObject({
      code: 1,
      err: expect.stringContaining('See what was given up with: caretaker undo.') as string,
    });
  });

  it('cancels, says what is tidied up, and reports the canceled run with 1', async () => {
    await caretaker('update', 'waits', '--detach');
    const { code, out } = await caretaker('cancel');
    expect(code).toBe(0);
    expect(out).toContain('193 pihole-2 is brought back to pve-node2');
    await untilStatus('"canceled"');
    expect(await caretaker('status')).toMatchObject({
      code: 1,
      out: expect.stringContaining('The run was canceled') as string,
    });
  });
});

describe('a mistake of the user', () => {
  it.each([
    [['updat'], /unknown command 'updat'/],
    [['plan', 'gose'], /nodes\[0\] is gose, which is not a configured node\. Did you mean goes\?/],
    [
      ['update', '--guest', '210'],
      /--guest must be vmid=treatment, not 210\. Write, for example, --guest 210=shutdown\./,
    ],
    [['update', '--parallel', 'two'], /--parallel must be a whole number/],
    [['update', '--reboot', 'nevr'], /Did you mean never\?/],
    [['--config', '/nowhere.yaml', 'status'], /There is no configuration at \/nowhere\.yaml/],
  ])('%j exits with 2 and says what to write', async (args, message) => {
    const { code, err, out } = await caretaker(...args);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  it('is one JSON document on stdout too when JSON is asked for', async () => {
    const { code, out } = await caretaker('plan', 'gose', '--json');
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ status: 'error', message: expect.stringContaining('gose') as string });
  });

  it('is not to call it without a command: that prints the help', async () => {
    const { code, out } = await caretaker();
    expect(code).toBe(0);
    expect(out).toContain('Usage: caretaker');
  });

  it('is told where Temporal was looked for when it does not answer', async () => {
    const before = env;
    env = { ...env, TEMPORAL_ADDRESS: '127.0.0.1:1' };
    const { code, err } = await caretaker('status');
    env = before;
    expect(code).toBe(2);
    expect(err).toMatch(/Temporal does not answer at 127\.0\.0\.1:1 .*Start it with `npm start`/);
  });
});
