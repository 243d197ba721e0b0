import { ApplicationFailure, type WorkflowHandle } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { afterEach, describe, expect, it } from 'vitest';
import { createLeaseActivities } from '../../activities/lease.ts';
import { maintenanceLeaseId } from '../../domain/ids.ts';
import type { LeaseAnswer } from '../../domain/lease.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import type { RollReport } from '../../domain/report.ts';
import { anHaVm, aVm } from '../helpers/builders.ts';
import { BEGIN, live, noted, outFor, secondOf, usePowerEnvironment, type Day } from '../helpers/power/live.ts';
import type { PowerRun, PowerRunOptions } from '../helpers/power/power-run.ts';
import { uniqueName, workflowBundle } from '../helpers/temporal.ts';
import { aWorld, failureOf, progressOf, until, type Ending, type Step, type World } from '../workflow/roll-world.ts';

const environment = usePowerEnvironment();

const hour = 3_600;

/** A pair with a QDevice and a guest under HA, so that pve1 goes through every step of its update. */
function theRolled(policy: PolicyOverrides = {}): World {
  const world = aWorld([aVm(100), anHaVm(102)], { reboot: 'always', ...policy });
  world.cluster = { qdevice: { votes: 1, connected: true }, ha: { startedServices: 1 } };
  return world;
}

/** Holds the roll in a step of pve1 until it is let go. */
function holdIn(world: World, step: Step): { readonly reached: Promise<void>; readonly letGo: () => void } {
  let reach = (): void => undefined;
  let letGo = (): void => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  world.before[step] = () => {
    reach();
    return gone;
  };
  return { reached, letGo };
}

let cleanUp: (() => Promise<void>) | undefined;
afterEach(async () => {
  await cleanUp?.();
  cleanUp = undefined;
});

/** A rolling update under the real lease, on a cluster of its own. */
async function startRoll(world: World): Promise<WorkflowHandle> {
  const { client, nativeConnection } = environment();
  const taskQueue = uniqueName('maintenance');
  const activities = { ...world.activities, ...createLeaseActivities() };
  const worker = await Worker.create({
    connection: nativeConnection,
    taskQueue,
    workflowBundle: workflowBundle(),
    activities,
  });
  const running = worker.run();
  const roll = await client.workflow.start('rollingUpdate', { taskQueue, workflowId: uniqueName('roll'), args: [] });
  cleanUp = async () => {
    for (const run of [roll, client.workflow.getHandle(maintenanceLeaseId(world.name))]) {
      await run.terminate('the test is over').catch(() => undefined);
    }
    worker.shutdown();
    await running;
  };
  return roll;
}

/** The outage asks the same lease, and gives maintenance all the time that it may need. */
function besides(world: World): Pick<PowerRunOptions, 'settings' | 'instead'> {
  const lease = createLeaseActivities();
  return {
    settings: (settings) => ({
      ...settings,
      cluster: world.name,
      timeouts: { ...settings.timeouts, yield: '1 hour' },
    }),
    instead: { requestLease: (input) => lease.requestLease(input), isRunOver: (input) => lease.isRunOver(input) },
  };
}

/** Waits until the roll has ended and the outage has the cluster. */
async function madeWay(roll: WorkflowHandle, run: PowerRun): Promise<Ending<RollReport>> {
  const ending = await failureOf(roll.result() as Promise<RollReport>);
  await noted(run, /nobody else disturbs the cluster/);
  return ending;
}

describe('A power cut in the middle of a rolling update', () => {
  it.each<[string, Step]>([
    ['while its node enters the maintenance mode', 'ensureMaintenance'],
    ['with a migration in flight', 'moveGuest'],
    ['with an upgrade at work', 'upgradeNode'],
    ['while its node reboots', 'awaitRejoin'],
  ])('%s lets that step end, and sheds nothing by time before', async (_, step) => {
    const world = theRolled();
    const { reached, letGo } = holdIn(world, step);
    const roll = await startRoll(world);
    await reached;
    let ending: Ending<RollReport> | undefined;
    const day = await live(environment(), {
      ...besides(world),
      mains: outFor(325),
      meanwhile: [
        {
          at: BEGIN + 320,
          act: async (run) => {
            letGo();
            ending = await madeWay(roll, run);
          },
        },
      ],
    });
    expect(ending).toMatchObject({ type: 'Aborted', report: { outcome: 'aborted' } });
    expect(ending?.report.reason).toMatch(/Pre-empted by power-outage\/.*: power cut/);
    // The node is whole again, and the next one was not begun.
    expect(ending?.report.nodes).toMatchObject([{ node: 'pve1', openUndo: [] }, {}]);
    expect(world.changes().filter((change) => change.endsWith('pve2') && !change.startsWith('move'))).toEqual([]);
    expect(secondOf(day, 'pve2: stop media, lab')).toBeGreaterThanOrEqual(BEGIN + 320);
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
  });

  it('that waits for a person ends that wait at once', async () => {
    const world = theRolled({ onFailure: { upgrade: 'ask' } });
    world.before.upgradeNode = () => {
      throw ApplicationFailure.nonRetryable('upgrade failed', 'Broken');
    };
    const roll = await startRoll(world);
    await until(async () => (await progressOf(roll)).question !== null);
    let ending: Ending<RollReport> | undefined;
    const day = await live(environment(), {
      ...besides(world),
      mains: outFor(305),
      meanwhile: [{ at: BEGIN + 60, act: async (run) => void (ending = await madeWay(roll, run)) }],
    });
    expect(ending).toMatchObject({ type: 'Aborted', report: { outcome: 'aborted' } });
    expect(secondOf(day, 'pve2: stop media, lab')).toBeLessThan(BEGIN + 310);
    expect(day.breaches).toEqual([]);
  });
});

const TAKEN: LeaseAnswer = {
  granted: false,
  holder: {
    run: { workflowId: 'rolling-update/homelab', runId: 'roll' },
    reason: 'rolling update',
    priority: 'maintenance',
    since: '2026-11-22T03:00:00.000Z',
    preemptedBy: null,
  },
  ahead: 0,
};
const inOtherHands = { requestLease: () => Promise.resolve(TAKEN) } as const;

function withLowBatteryAt(second: number): NonNullable<PowerRunOptions['says']> {
  return (now, truth) => (now >= second && truth.startsWith('OB') ? `${truth} LB` : truth);
}

/** pve1 was rebooted right before the mains failed: nobody must take it for one that was off. */
function isBackAsBefore({ run, breaches, report, story }: Day): void {
  expect(breaches).toEqual([]);
  expect(story).toContain('pve1 shuts down');
  expect(run.site.node('pve1').state).toBe('on');
  expect(report?.nodes['pve1']).toBe('back');
}

describe('A power cut that maintenance does not make way for', () => {
  it('waits for it no longer than power.timeouts.yield, when only time asks', async () => {
    const day = await live(environment(), {
      mains: outFor(400),
      instead: inOtherHands,
      meanwhile: [{ at: BEGIN + 310, act: (run) => noted(run, /has not made way in time/) }],
    });
    expect(secondOf(day, 'pve2: stop media, lab')).toBeGreaterThanOrEqual(BEGIN + 300);
    expect(day.breaches).toEqual([]);
  });

  it('waits for nobody when the battery is low, and takes a node down that comes up from its reboot meanwhile', async () => {
    const day = await live(environment(), {
      mains: outFor(400),
      says: withLowBatteryAt(BEGIN + 30),
      rebooting: { pve1: BEGIN + 90 },
      instead: inOtherHands,
      settings: (settings) => ({ ...settings, timeouts: { ...settings.timeouts, yield: '1 hour' } }),
      longest: 8 * hour,
    });
    expect(secondOf(day, 'pve2: stop media, lab')).toBeLessThan(BEGIN + 60);
    expect(secondOf(day, 'pve1 shuts down')).toBeGreaterThan(secondOf(day, 'pve1 on'));
    isBackAsBefore(day);
  });

  it('finds a node that was rebooting up again, and takes it down and back with the others', async () => {
    const day = await live(environment(), {
      mains: outFor(1_000),
      rebooting: { pve1: BEGIN + 60 },
      instead: inOtherHands,
      longest: 8 * hour,
      meanwhile: [{ at: BEGIN + 310, act: (run) => noted(run, /has not made way in time/) }],
    });
    expect(secondOf(day, 'pve1 shuts down')).toBeGreaterThanOrEqual(BEGIN + 900);
    isBackAsBefore(day);
  });
});
