import { ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nutClientsId } from '../../domain/ids.ts';
import { Message } from '../../domain/messages.ts';
import type { NutClientsReport } from '../../domain/nut-client.ts';
import { timeSkippingEnvironment, uniqueName, workflowBundle } from '../helpers/temporal.ts';
import { activitiesOf, aNutWorld, settingsOf, type NutWorld } from './nut-world.ts';
import { until } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeEach(async () => {
  environment = await timeSkippingEnvironment();
});
// Time is skipped only until the first child run.
afterEach(() => environment?.teardown());

interface End {
  /** Null where the run did not fail. */
  readonly type: string | null;
  readonly report: NutClientsReport;
}

type Handle = Awaited<ReturnType<TestWorkflowEnvironment['client']['workflow']['start']>>;

async function run(
  world: NutWorld,
  type: 'provisionNutClients' | 'removeNutClients',
  { input = {}, meanwhile }: { input?: unknown; meanwhile?: (handle: Handle) => Promise<void> } = {},
): Promise<End> {
  const cluster = uniqueName('homelab');
  const taskQueue = uniqueName('maintenance');
  const worker = await Worker.create({
    connection: environment.nativeConnection,
    taskQueue,
    workflowBundle: workflowBundle(),
    activities: activitiesOf(world, settingsOf(cluster)),
  });
  return worker.runUntil(async () => {
    const options = { taskQueue, workflowId: nutClientsId(cluster), args: [input] };
    const handle = await environment.client.workflow.start(type, options);
    await meanwhile?.(handle);
    const end = await handle.result().then(
      (report) => ({ type: null, report: report as NutClientsReport }),
      (error: unknown) => endOf(error),
    );
    if (end.report.clients.some(({ outcome }) => outcome !== 'unchanged')) await until(() => world.mails.length > 0);
    return end;
  });
}

function endOf(error: unknown): End {
  const cause = error instanceof WorkflowFailedError ? error.cause : error;
  if (!(cause instanceof ApplicationFailure)) throw error;
  return { type: cause.type ?? null, report: cause.details?.[0] as NutClientsReport };
}

function fail(type: string, message: string): never {
  throw ApplicationFailure.nonRetryable(message, type);
}

it('nodes are made clients one after the other, each proved before the next, and a mail tells what is left to do', async () => {
  const world = aNutWorld();
  const { report } = await run(world, 'provisionNutClients');
  const steps = [
    'ensureNutClientPackage',
    'ensureNutClientFiles',
    'ensureNutMonitorRestarted',
    'awaitNutClient',
    'settleNutClient',
  ];
  expect(world.calls).toEqual(['pve1', 'pve2'].flatMap((node) => steps.map((step) => `${step} ${node}`)));
  expect(report).toMatchObject({
    outcome: 'done',
    reason: 'made or changed on pve1, pve2',
    ups: 'ups@192.168.10.164:3493',
  });
  expect(world.leases).toHaveLength(1);
  expect(world.mails[0]?.subject).toMatch(/^NUT clients of .*: made or changed on pve1, pve2$/);
  expect(world.mails[0]?.text).toContain('FINALDELAY 360');
});

it('nodes that are clients are proved and otherwise left alone, and nobody is mailed', async () => {
  const world = aNutWorld();
  world.asDeclared.add('pve1').add('pve2');
  const { report } = await run(world, 'provisionNutClients');
  expect(report.clients.map(({ outcome }) => outcome)).toEqual(['unchanged', 'unchanged']);
  expect(world.calls.filter((call) => /Restarted|settle|revert/.test(call))).toEqual([]);
  expect(world.calls).toContain('awaitNutClient pve2');
  expect(world.mails).toEqual([]);
});

it('a change that does not prove itself is taken back, the next node has its turn, and the run fails', async () => {
  const world = aNutWorld();
  world.before.awaitNutClient = ({ node }) => {
    if (node === 'pve1') fail('NutClientNotProved', 'Waited 1 minute: it does not list it. Check power.clients.');
  };
  const { type, report } = await run(world, 'provisionNutClients');
  expect(world.calls).toContain('revertNutClient pve1');
  expect(world.calls).not.toContain('settleNutClient pve1');
  expect(world.calls).toContain('settleNutClient pve2');
  expect(type).toBe('NutClientsFailed');
  expect(report.clients).toEqual([
    {
      node: 'pve1',
      outcome: 'failed',
      reason: 'Waited 1 minute: it does not list it. Check power.clients. Its files are as they were before.',
    },
    expect.objectContaining({ node: 'pve2', outcome: 'changed' }),
  ]);
  expect(world.mails[0]?.subject).toMatch(/^FAILED: .*pve1 failed$/);
});

it('a change that cannot be taken back is told with what is left to do', async () => {
  const world = aNutWorld();
  world.before.ensureNutMonitorRestarted = () => fail('NutClientNotProved', 'pve1: cannot start nut-monitor.');
  world.before.revertNutClient = () => fail('RemoteRefused', 'SSH to pve1: the host key has changed.');
  const { report } = await run(world, 'provisionNutClients', { input: { nodes: ['pve1'] } });
  expect(report.clients[0]?.reason).toContain('And the change could not be taken back: SSH to pve1');
  expect(report.clients[0]?.reason).toContain('Begin anew when pve1 answers');
});

it('nodes are removed in turn, and their packages with them where they are ours', async () => {
  const world = aNutWorld();
  world.asDeclared.add('pve1');
  world.before.removeNutClientPackage = ({ node }) => {
    if (node === 'pve2') fail('UpgradeFailed', 'E: with nut-client these would go, too: nut');
  };
  const { type, report } = await run(world, 'removeNutClients');
  expect(type).toBe('NutClientsFailed');
  expect(report.clients).toEqual([
    { node: 'pve1', outcome: 'changed', reason: 'restored /etc/nut/upsmon.conf, removed the package nut-client' },
    expect.objectContaining({ node: 'pve2', outcome: 'failed' }),
  ]);
  expect(report.advice).toEqual([]);
});

it('a run that does not get the cluster touches no node', async () => {
  const world = aNutWorld();
  const run_ = { workflowId: 'rolling-update/homelab', runId: 'r' };
  world.lease = {
    granted: false,
    ahead: 0,
    holder: {
      run: run_,
      reason: 'update pve1',
      priority: 'maintenance',
      since: '2026-11-25T03:00:00Z',
      preemptedBy: null,
    },
  };
  const { type, report } = await run(world, 'provisionNutClients');
  expect(type).toBe('Refused');
  expect(report.clients.map(({ outcome }) => outcome)).toEqual(['not-started', 'not-started']);
  expect(world.calls).toEqual([]);
});

it('a run that has to make way for an outage ends its node, and begins no other', async () => {
  const world = aNutWorld();
  let reached: () => void = () => undefined;
  const inHand = new Promise<void>((resolve) => (reached = resolve));
  let goOn: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  world.before.awaitNutClient = () => {
    reached();
    return held;
  };
  const by = { run: { workflowId: 'power-outage/ups', runId: 'p' }, reason: 'the mains are gone', priority: 'power' };
  const { type, report } = await run(world, 'provisionNutClients', {
    async meanwhile(handle) {
      await inHand;
      await handle.signal(Message.preempted, by);
      goOn();
    },
  });
  expect(type).toBe('Aborted');
  expect(report.clients.map(({ outcome }) => outcome)).toEqual(['changed', 'not-started']);
  expect(world.calls).not.toContain('ensureNutClientFiles pve2');
});
