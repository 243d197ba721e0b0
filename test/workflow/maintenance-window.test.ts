import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeZoneNamed } from '../../activities/time-zone.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { WEEKDAYS, type MaintenanceWindow } from '../../domain/window.ts';
import { localTime } from '../../planning/windows.ts';
import { aNode, aVm, outdated, theSoftware } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, progressOf, roll, until, untilNodeAsks, updateOneNode, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A window once a week that opens in `after` milliseconds and is open for `length`, both in whole minutes. */
async function aWindow(after: number, length: number): Promise<PolicyOverrides> {
  const now = Number(await environment.currentTimeMs());
  const opens = new Date(Math.ceil(now / MINUTE) * MINUTE + after);
  const ends = new Date(opens.getTime() + length);
  const time = (date: Date) => date.toISOString().slice(11, 16);
  const days = [WEEKDAYS[opens.getUTCDay()] ?? 'sunday'];
  const window: MaintenanceWindow = { days, from: time(opens), to: time(ends) };
  return { windows: [window], timeZone: 'UTC', expected: { upgrade: '40 minutes' } };
}

/** A window that is open now, with `left` milliseconds to go. */
const openFor = (left: number) => aWindow(left - 2 * HOUR, 2 * HOUR);

/** The upgrade of a node takes so many milliseconds. */
function takesTime(world: World, node: string, milliseconds: number): void {
  world.before.upgradeNode = (input) => {
    if (input.node === node) world.late += milliseconds;
  };
}

const waitsForWindow = async (run: { handle: Parameters<typeof progressOf>[0] }) =>
  (await progressOf(run.handle)).waitingUntil !== null;

// The first one here: after a run with a child run, the time-skipping server skips no time any more.
describe('a roll that is started six days before its maintenance window', () => {
  it('stays open for those days and touches nothing before the window opens', async () => {
    const world = aWorld([aVm(100)], await aWindow(6 * 24 * HOUR, 4 * HOUR));
    const begun: number[] = [];
    world.before.moveGuest = async () => void begun.push(Number(await environment.currentTimeMs()));
    const report = await roll(environment, world);
    expect(report).toMatchObject({ outcome: 'done', waits: [{ for: 'the maintenance window' }], warnings: [] });
    const [wait] = report.waits;
    expect(Date.parse(wait?.until ?? '') - Date.parse(wait?.from ?? '')).toBeGreaterThan(6 * 24 * HOUR - MINUTE);
    expect(begun[0]).toBeGreaterThanOrEqual(Date.parse(wait?.until ?? ''));
  });
});

describe('a roll that reaches the end of its maintenance window', () => {
  it('stops between two nodes, stays open, and goes on in the next window, a week later, from a new plan', async () => {
    const world = aWorld([aVm(100), aVm(101, { node: 'pve2' })], await openFor(90 * MINUTE));
    takesTime(world, 'pve1', 60 * MINUTE);
    let changes: string[] = [];
    world.whenClosed = () => {
      changes = world.changes();
      // Meanwhile somebody starts another guest on the node whose turn it is.
      world.guests = [...world.guests, aVm(150, { node: 'pve2' })];
      return true;
    };
    const report = await roll(environment, world);
    expect(changes).toEqual(['move 100 pve1→pve2', 'upgradeNode pve1', 'awaitRejoin pve1', 'move 100 pve2→pve1']);
    expect(world.late).toBeGreaterThan(6 * 24 * HOUR);
    expect(report).toMatchObject({
      outcome: 'done',
      reason: '2 of 2 nodes updated, 0 rebooted',
      waits: [{ for: 'the maintenance window' }],
    });
    // The new plan of the rest has the new guest, so there is nothing to warn of.
    expect(report.plan?.nodes[1]?.moves.map((move) => move.vmid)).toEqual([101, 150]);
    expect(world.changes()).toContain('move 150 pve2→pve1');
  });

  it('does not go on when the new plan finds something in the way, and says what', async () => {
    const world = aWorld([], await openFor(90 * MINUTE));
    takesTime(world, 'pve1', 60 * MINUTE);
    world.whenClosed = () => {
      world.cluster = { nodes: [aNode('pve1', { online: false }), aNode('pve2')] };
      return true;
    };
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({
      type: 'RollFailed',
      message: expect.stringContaining('pve1 is offline') as string,
      report: {
        nodes: [
          { node: 'pve1', outcome: 'updated' },
          { node: 'pve2', outcome: 'not-reached' },
        ],
      },
    });
    expect(world.changes()).not.toContain('upgradeNode pve2');
  });

  it('does not wait for a node that has nothing to do', async () => {
    const world = aWorld([], await openFor(90 * MINUTE));
    takesTime(world, 'pve1', 85 * MINUTE);
    world.software.set('pve2', theSoftware('pve2'));
    expect(await roll(environment, world)).toMatchObject({ outcome: 'done', waits: [] });
  });

  it('goes on to a node that only has to be begun in the window', async () => {
    const world = aWorld([], { ...(await openFor(90 * MINUTE)), windowFit: 'start-only' });
    takesTime(world, 'pve1', 60 * MINUTE);
    expect(await roll(environment, world)).toMatchObject({ outcome: 'done', waits: [] });
  });
});

describe('a roll that is started outside its maintenance window', () => {
  it('says what it waits for and until when, and has touched nothing', async () => {
    const world = aWorld([aVm(100)], await aWindow(3 * HOUR, 4 * HOUR));
    await failureOf(
      roll(environment, world, {
        meanwhile: async (run) => {
          await until(() => waitsForWindow(run));
          const progress = await progressOf(run.handle);
          const opensLocal = localTime(Date.parse(progress.waitingUntil ?? ''), timeZoneNamed('UTC'));
          expect(progress.waitingFor).toBe(`the maintenance window that opens on ${opensLocal}`);
          expect(progress.nodes).toMatchObject([{ phase: 'waiting' }, { phase: 'waiting' }]);
          await run.handle.executeUpdate('abort');
        },
      }),
    );
    expect(world.changes()).toEqual([]);
  });

  it('begins at once when an operator says so, for the rest of the run, and the report tells', async () => {
    const world = aWorld([], await aWindow(3 * HOUR, 4 * HOUR));
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await until(() => waitsForWindow(run));
        expect(await run.handle.executeUpdate('goNow')).toBe('begins outside the maintenance windows from now on');
      },
    });
    expect(report).toMatchObject({
      outcome: 'done',
      reason: '2 of 2 nodes updated, 0 rebooted',
      warnings: ['an operator asked to begin outside the maintenance windows (goNow)'],
    });
    expect(report.waits).toHaveLength(1);
  });

  it('can still be told to leave a node out, and to stop', async () => {
    const world = aWorld([], await aWindow(3 * HOUR, 4 * HOUR));
    const failure = await failureOf(
      roll(environment, world, {
        meanwhile: async (run) => {
          await until(() => waitsForWindow(run));
          expect(await run.handle.executeUpdate('skipNode', { args: ['pve1'] })).toBe('pve1 will be skipped');
          await run.handle.executeUpdate('abort');
        },
      }),
    );
    expect(failure).toMatchObject({ type: 'Aborted' });
    expect(world.changes()).toEqual([]);
  });

  it('is refused with the plan when a node is longer than every window', async () => {
    const world = aWorld([], await aWindow(0, 30 * MINUTE));
    const failure = await failureOf(roll(environment, world));
    expect(failure).toMatchObject({ type: 'Refused', report: { outcome: 'refused' } });
    expect(failure.message).toContain('will take about 40 min, and the longest maintenance window has 30 min');
    expect(world.changes()).toEqual([]);
  });

  it('waits for nothing when its input says so', async () => {
    const world = aWorld([], await aWindow(3 * HOUR, 4 * HOUR));
    expect(await roll(environment, world, { input: [{ windows: [] }] })).toMatchObject({ outcome: 'done', waits: [] });
  });
});

describe('an operator who asks to begin now where no window is waited for', () => {
  it('is told so, and the run goes on', async () => {
    const world = aWorld([], { approval: 'plan' });
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await until(async () => (await progressOf(run.handle)).waitingFor === 'approve the plan');
        await expect(run.handle.executeUpdate('goNow')).rejects.toMatchObject({
          cause: { message: 'this run waits for no maintenance window' },
        });
        await run.handle.executeUpdate('approve');
      },
    });
    expect(report).toMatchObject({ outcome: 'done', warnings: [] });
  });
});

describe('an approval that comes after the window', () => {
  it('holds for the next one: the node is begun then, without another question', async () => {
    const world = aWorld([], { ...(await openFor(90 * MINUTE)), approval: 'every-node', nodes: ['pve1'] });
    let closed = 0;
    // Its last plan and the run of the node find the window closed, then the roll, which waits.
    world.whenClosed = () => ++closed === 3;
    const report = await roll(environment, world, {
      meanwhile: async (run) => {
        await untilNodeAsks(run, 'pve1');
        world.late += 80 * MINUTE;
        await run.handle.executeUpdate('approve');
      },
    });
    expect(closed).toBe(3);
    expect(report).toMatchObject({ outcome: 'done', nodes: [{ node: 'pve1', outcome: 'updated' }] });
  });
});

describe('the run of a single node outside the window', () => {
  it('ends at once with nothing touched, and says when the window opens', async () => {
    const world = aWorld([aVm(100)], await aWindow(3 * HOUR, 4 * HOUR));
    world.software.set('pve1', outdated('pve1'));
    const failure = await failureOf(updateOneNode(environment, world, { node: 'pve1' }));
    expect(failure).toMatchObject({ type: 'OutsideWindow', report: { node: 'pve1', outcome: 'refused' } });
    expect(failure.message).toContain('(UTC)');
    expect(world.changes()).toEqual([]);
  });
});
