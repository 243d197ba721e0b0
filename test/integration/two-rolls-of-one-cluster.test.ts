import type { WorkflowHandle } from '@temporalio/client';
import { afterEach, describe, expect, it } from 'vitest';
import { maintenanceLeaseId, rollingUpdateId, updateNodeId } from '../../domain/ids.ts';
import type { LeaseView, RunRef } from '../../domain/lease.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import type { RollProgress, RollReport } from '../../domain/report.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, nextEvent, places, startRoll } from '../helpers/rolls.ts';

const NOBODY: RunRef = { workflowId: 'power-guard/rack', runId: '00000000-0000-4000-8000-000000000000' };
const PATIENCE = { timeout: 60_000, interval: 100 };

// The lease looks after a holder once a minute while others wait.
describe('two rolls of one cluster', { timeout: 300_000 }, () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  const lease = () =>
    roll.client.workflow.getHandle(maintenanceLeaseId(roll.lab.access.cluster)).query<LeaseView>('lease');

  /** A second one, such as a schedule starts it: under another workflow id. */
  function startSecond(): Promise<WorkflowHandle<(input?: PolicyOverrides) => Promise<RollReport>>> {
    return roll.client.workflow.start<(input?: PolicyOverrides) => Promise<RollReport>>('rollingUpdate', {
      workflowId: `${rollingUpdateId(roll.lab.access.cluster)}-2026-11-22T03:00:00Z`,
      taskQueue: TaskQueue.maintenance,
      args: [],
    });
  }

  async function untilItWaits(second: WorkflowHandle): Promise<void> {
    await expect
      .poll(async () => (await second.query<RollProgress>('progress')).waitingFor, PATIENCE)
      .toContain(`its turn: ${rollingUpdateId(roll.lab.access.cluster)} has the cluster`);
  }

  /** The first has the cluster and a container on its way. */
  async function startFirst() {
    roll = await rollLab({ site: smallSite() });
    const before = places(roll);
    const moving = nextEvent(roll, ({ action, detail }) => action === 'task.start' && detail['type'] === 'vzmigrate');
    const worker = await roll.startWorker();
    const first = await startRoll(roll);
    await moving;
    return { before, worker, first };
  }

  it('the second waits for the first, even over the death of the worker, and finds nothing left to do', async () => {
    const { before, worker, first } = await startFirst();
    const second = await startSecond();
    await untilItWaits(second);
    expect((await lease()).queue).toMatchObject([{ run: { workflowId: second.workflowId }, reason: 'rolling update' }]);

    await worker.end('SIGKILL');
    await roll.startWorker();

    expect((await first.result()).outcome).toBe('done');
    expect((await second.result()).nodes.map(({ outcome }) => outcome)).toEqual(['skipped', 'skipped']);
    expectRolledOnce(roll, before);
  });

  it('the second goes on when the first was terminated, after the run of a node that it left has tidied up', async () => {
    const { before, first } = await startFirst();
    const left = roll.client.workflow.getHandle(updateNodeId(roll.lab.access.cluster));
    const { runId } = await left.describe();
    await first.terminate('by the test');

    // It would be refused at its first node if it came too early: the run that is left has the workflow id.
    const second = await startSecond();

    expect((await second.result()).outcome).toBe('done');
    await expect(roll.client.workflow.result(left.workflowId, runId)).rejects.toMatchObject({
      cause: { type: 'Aborted' },
    });
    expect(places(roll)).toEqual(before);
    expect(roll.lab.monitor.violations()).toEqual([]);
  });

  it('the first makes way for power at its next safe point and tidies up, then the second goes on', async () => {
    const { before, first } = await startFirst();
    const second = await startSecond();
    await untilItWaits(second);

    // Nobody of that name runs, so the lease goes on to the next in the end.
    await roll.client.workflow
      .getHandle(maintenanceLeaseId(roll.lab.access.cluster))
      .executeUpdate('preempt', { args: [{ run: NOBODY, reason: 'on battery', priority: 'power' }] });

    await expect(first.result()).rejects.toMatchObject({
      cause: {
        type: 'Aborted',
        message: expect.stringContaining('Pre-empted by power-guard/rack: on battery') as string,
      },
    });
    expect((await second.result()).outcome).toBe('done');
    expect(places(roll)).toEqual(before);
    expect(roll.lab.monitor.violations()).toEqual([]);
  });
});
