import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoLaterId } from '../../domain/ids.ts';
import type { LeaseAnswer, LeaseRequest } from '../../domain/lease.ts';
import type { UndoView } from '../../domain/undo.ts';
import { aLeftover, aVm, guestAway, openUndo, theSoftware } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import {
  aWorld,
  during,
  failureOf,
  progressOf,
  roll,
  undoLeft,
  until,
  updateOneNode,
  type Run,
  type World,
} from './roll-world.ts';
import type { RollReport } from '../../domain/report.ts';

let environment: TestWorkflowEnvironment;
beforeEach(async () => {
  environment = await timeSkippingEnvironment();
});
afterEach(() => environment.teardown());

const TAKEN: Extract<LeaseAnswer, { granted: false }> = {
  granted: false,
  holder: {
    run: { workflowId: 'rolling-update/first', runId: 'first-run' },
    reason: 'rolling update',
    priority: 'maintenance',
    since: '2026-11-22T03:00:00.000Z',
    preemptedBy: null,
  },
  ahead: 0,
};
const HELD_BY = 'rolling-update/first has the cluster since 2026-11-22T03:00:00.000Z (rolling update)';

const POWER: LeaseRequest = {
  run: { workflowId: 'power-guard/rack', runId: 'power-run' },
  reason: 'the UPS is on battery',
  priority: 'power',
};

function takenWorld(...parts: Parameters<typeof aWorld>): World {
  return Object.assign(aWorld(...parts), { lease: TAKEN });
}

async function untilQueued(run: Run<RollReport>): Promise<void> {
  await until(async () => (await progressOf(run.handle)).waitingFor?.startsWith('its turn') === true);
}

// First, while nothing else has been run: after a whole roll the server skips no more time.
describe('a turn that does not come', () => {
  it('has the roll refused in the end, saying who has the cluster', async () => {
    const world = takenWorld([], { timeouts: { lease: '1 hour' } });
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({ type: 'Refused', report: { outcome: 'refused' } });
    expect(failure.message).toContain(`Waited 1 hour for the cluster: ${HELD_BY}`);
    expect(world.changes()).toEqual([]);
  });

  it('is asked for again after a while, in case the word was lost', async () => {
    const world = takenWorld();
    world.before.requestLease = () => {
      if (world.calls.filter(({ name }) => name === 'requestLease').length > 2) world.lease = { granted: true };
    };
    expect((await roll(environment, world)).outcome).toBe('done');
  });
});

describe('undoing that has lost its turn', () => {
  it('says that it is tried again, not that somebody has to start it', async () => {
    const world = takenWorld([aVm(100, { node: 'pve2' })]);
    const undoing = environment.client.workflow.getHandle(undoLaterId(world.name, 'pve1'));
    const reasons: string[] = [];
    let asked = 0;
    world.before.requestLease = async () => {
      asked += 1;
      // Granted, and lost again before anything is done.
      world.lease = asked === 2 || asked > 3 ? { granted: true } : TAKEN;
      if (asked === 4) reasons.push(...(await undoing.query<UndoView>('undo')).open.map(({ reason }) => reason));
    };
    await undoLeft(environment, world, { left: aLeftover({ cluster: world.name, open: [openUndo(guestAway(100))] }) });
    expect(reasons).toEqual([`The cluster is not free: ${HELD_BY}. It is tried again.`]);
  });
});

describe('a roll that finds the cluster in other hands', () => {
  it('waits for its turn, says whom it waits for, and then goes on', async () => {
    const world = takenWorld();
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilQueued(run);
        expect(await progressOf(run.handle)).toMatchObject({ waitingFor: `its turn: ${HELD_BY}`, asking: false });
        expect(world.changes()).toEqual([]);
        world.lease = { granted: true };
        await run.handle.signal('leaseGranted');
      },
    });
    expect(report.outcome).toBe('done');
  });

  it('makes its plan anew when its turn has come: the other run may have done the work', async () => {
    const world = takenWorld();
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilQueued(run);
        for (const node of world.nodes) world.software.set(node, theSoftware(node));
        world.lease = { granted: true };
        await run.handle.signal('leaseGranted');
      },
    });
    expect(report.nodes.map(({ outcome }) => outcome)).toEqual(['skipped', 'skipped']);
    expect(world.changes()).toEqual([]);
  });

  it('refuses when its turn has come and the other run has left the cluster unfit', async () => {
    const world = takenWorld();
    const failure = await failureOf(
      roll(environment, world, {
        meanwhile: async (run) => {
          await untilQueued(run);
          world.cluster = { quorate: false };
          world.lease = { granted: true };
          await run.handle.signal('leaseGranted');
        },
      }),
    );
    expect(failure).toMatchObject({ type: 'Refused', report: { outcome: 'refused' } });
    expect(world.changes()).toEqual([]);
  });

  it('can be told to stop while it waits', async () => {
    const world = takenWorld();
    const failure = await failureOf(
      roll(environment, world, {
        meanwhile: async (run) => {
          await untilQueued(run);
          await run.handle.executeUpdate('abort');
        },
      }),
    );
    expect(failure).toMatchObject({ type: 'Aborted', report: { outcome: 'aborted' } });
    expect(world.changes()).toEqual([]);
  });

  it('looks at the cluster when its turn has come: what the other run does to it refuses nobody', async () => {
    const world = takenWorld();
    world.cluster = { quorate: false };
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilQueued(run);
        world.cluster = {};
        world.lease = { granted: true };
        await run.handle.signal('leaseGranted');
      },
    });
    expect(report.outcome).toBe('done');
  });

  it('tells the cluster as it is in a dry run, which waits for nobody', async () => {
    const world = takenWorld([], { dryRun: true });
    expect((await roll(environment, world)).outcome).toBe('planned');
    expect(world.calls.map(({ name }) => name)).not.toContain('requestLease');
  });

  it('lets others have it while a person is asked to agree to the plan, and asks for it again', async () => {
    const world = aWorld([], { approval: 'plan' });
    const asked = () => world.calls.filter(({ name }) => name === 'requestLease').length;
    let before = 0;
    await roll(environment, world, {
      meanwhile: async (run) => {
        await until(async () => (await progressOf(run.handle)).asking);
        const { events } = await run.handle.fetchHistory();
        const signals = (events ?? []).map((each) => each.signalExternalWorkflowExecutionInitiatedEventAttributes);
        expect(signals.map((each) => each?.signalName).filter(Boolean)).toEqual(['release']);
        before = asked();
        world.lease = TAKEN;
        await run.handle.executeUpdate('approve');
        await untilQueued(run);
        expect(world.changes()).toEqual([]);
        world.lease = { granted: true };
        await run.handle.signal('leaseGranted');
      },
    });
    expect(before).toBe(1);
    expect(asked()).toBeGreaterThan(before);
  });

  it('and loses it in the middle touches no further node', async () => {
    const world = aWorld();
    world.before.awaitRejoin = () => {
      world.lease = TAKEN;
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({
      type: 'RollFailed',
      report: { nodes: [{ outcome: 'updated' }, { node: 'pve2', outcome: 'refused' }] },
    });
    expect(world.changes()).toEqual(['upgradeNode pve1', 'awaitRejoin pve1']);
  });
});

describe('a run of one node that finds the cluster in other hands', () => {
  it('is refused at once, for the other run needs its workflow id', async () => {
    const world = takenWorld();
    const failure = await failureOf(updateOneNode(environment, world, { node: 'pve1' }));
    expect(failure).toMatchObject({ type: 'Refused', report: { outcome: 'refused' } });
    expect(failure.message).toContain(`The cluster is not free: ${HELD_BY}`);
    expect(world.changes()).toEqual([]);
  });
});

describe('a run of one node that comes while an earlier change is being taken back', () => {
  it('waits for the end of that try, which needs nothing of its own', async () => {
    const world = aWorld();
    const run = { workflowId: undoLaterId(world.name, 'pve2'), runId: 'undo-run' };
    world.lease = { ...TAKEN, holder: { ...TAKEN.holder, run, reason: 'take back what was left' } };
    world.before.requestLease = () => {
      if (world.calls.filter(({ name }) => name === 'requestLease').length > 2) world.lease = { granted: true };
    };
    const report = await updateOneNode(environment, world, { node: 'pve1' });
    expect(report.outcome).toBe('updated');
    expect(world.calls.filter(({ name }) => name === 'requestLease').length).toBeGreaterThan(2);
  });
});

describe('a roll that is paused before its first node', () => {
  it('lets others have the cluster meanwhile', async () => {
    const world = aWorld();
    const report = await roll(environment, world, {
      signalWithStart: 'pause',
      meanwhile: async (run) => {
        await until(async () => (await progressOf(run.handle)).waitingFor === 'resume');
        const { events } = await run.handle.fetchHistory();
        const signals = (events ?? []).map((each) => each.signalExternalWorkflowExecutionInitiatedEventAttributes);
        expect(signals.map((each) => each?.signalName).filter(Boolean)).toEqual(['release']);
        await run.handle.executeUpdate('resume');
      },
    });
    expect(report.outcome).toBe('done');
  });
});

describe('a roll that has to make way for power', () => {
  it('lets its step end, brings the guests home, stops the line and reports who pre-empted it', async () => {
    const world = aWorld([aVm(100)]);
    const tell = during(
      environment,
      world,
      'moveGuest',
      (run) => run.handle.signal('preempted', POWER),
      'workflowExecutionSignaledEventAttributes',
    );
    const failure = await failureOf(roll(environment, world, { meanwhile: tell }));
    expect(failure).toMatchObject({ type: 'Aborted', report: { outcome: 'aborted' } });
    expect(failure.report.reason).toContain('Pre-empted by power-guard/rack: the UPS is on battery');
    expect(failure.report.nodes[0]).toMatchObject({ outcome: 'aborted', openUndo: [] });
    expect(world.changes()).toEqual(['move 100 pve1→pve2', 'awaitRejoin pve1', 'move 100 pve2→pve1']);
  });

  it('ends its wait for a person', async () => {
    const world = aWorld([], { approval: 'plan' });
    const failure = await failureOf(
      roll(environment, world, {
        meanwhile: async (run) => {
          await until(async () => (await progressOf(run.handle)).asking);
          await run.handle.signal('preempted', POWER);
        },
      }),
    );
    expect(failure).toMatchObject({ type: 'Aborted', report: { outcome: 'aborted' } });
  });

  it('ignores a message that names nobody', async () => {
    const world = aWorld([], { approval: 'plan' });
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await until(async () => (await progressOf(run.handle)).asking);
        await run.handle.signal('preempted');
        await run.handle.executeUpdate('approve');
      },
    });
    expect(report.outcome).toBe('done');
  });
});
