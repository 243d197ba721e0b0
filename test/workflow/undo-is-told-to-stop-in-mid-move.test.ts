import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoLaterId } from '../../domain/ids.ts';
import type { Undo, UndoResult } from '../../domain/undo.ts';
import { aLeftover, aMove, aVm, guestAway, openUndo } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, undoLeft, untilHeard, type World } from './roll-world.ts';

// One each: see undo-later.test.ts.
let environment: TestWorkflowEnvironment;
beforeEach(async () => {
  environment = await timeSkippingEnvironment();
});
afterEach(async () => {
  await environment?.teardown();
});

const NIGHTLY: Undo = { kind: 'backup-job', id: 'nightly' };

interface Told {
  readonly world: World;
  readonly answers: readonly unknown[];
  readonly ending: Promise<UndoResult>;
}

/** 100 and 101 are to come home, one after the other; `tell` is done in the middle of the move of 100. */
function tellInMidMove(tell: (handle: WorkflowHandle) => Promise<unknown>): Told {
  const world = aWorld([aVm(100, { node: 'pve2' }), aVm(101, { node: 'pve2' })]);
  world.backups = { running: [], jobs: [{ id: 'nightly', enabled: false, nextRun: null }] };
  const left = aLeftover({
    cluster: world.name,
    open: [guestAway(100), guestAway(101), NIGHTLY].map(openUndo),
    moves: [aMove(100), aMove(101)],
    policy: { ...aLeftover().policy, parallelMigrations: 1 },
  });
  const answers: unknown[] = [];
  world.before.moveGuest = async ({ vmid }) => {
    if (vmid !== 100 || answers.length > 0) return;
    answers.push(await tell(environment.client.workflow.getHandle(undoLaterId(world.name, 'pve1'))));
  };
  return { world, answers, ending: undoLeft(environment, world, { left }) };
}

describe('while a guest is on its way home', () => {
  it('a person takes the next one upon himself: it is not moved any more', async () => {
    const { world, answers, ending } = tellInMidMove((handle) =>
      handle.executeUpdate<string, [string]>('forget', { args: ['101'] }),
    );
    expect(await ending).toMatchObject({ forgotten: [{ vmid: 101 }], undone: [{ vmid: 100 }, NIGHTLY], open: [] });
    expect(answers).toEqual(['101: left to you; 2 still to be undone']);
    expect(changesOf(world)).toEqual(['proof', 'proof', 'move 100 pve2→pve1', 'ensureBackupJob']);
  });

  it('a person cancels it: that guest arrives, and nothing else is begun', async () => {
    const { world, ending } = tellInMidMove(async (handle) => {
      await handle.cancel();
      await untilHeard(handle, 'workflowExecutionCancelRequestedEventAttributes');
    });
    expect(await failureOf(ending)).toMatchObject({ canceled: true });
    expect(changesOf(world)).toEqual(['proof', 'proof', 'move 100 pve2→pve1']);
  });

  it('somebody needs the cluster more: that guest arrives, and the rest comes with the next try', async () => {
    const { world, ending } = tellInMidMove(async (handle) => {
      await handle.signal('preempted');
      await untilHeard(handle, 'workflowExecutionSignaledEventAttributes');
    });
    expect(await ending).toMatchObject({ open: [] });
    expect(changesOf(world)).toEqual([
      ...['proof', 'proof', 'move 100 pve2→pve1'],
      ...['proof', 'proof', 'move 101 pve2→pve1', 'ensureBackupJob'],
    ]);
  });
});

function changesOf(world: World): string[] {
  return world.changes().map((change) => change.replace('awaitRejoin pve1', 'proof'));
}
