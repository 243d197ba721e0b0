import { ApplicationFailure, WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Question } from '../../domain/decision.ts';
import type { RollReport } from '../../domain/report.ts';
import { aNode, aVm } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, progressOf, roll, until, type Run, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

/** Guests whose first moves off pve1 fail; the policy asks what to do. */
function aWorldThatAsks(failures = 1, guests = [aVm(100)]): World {
  const world = aWorld(guests, { onFailure: { guestMove: 'ask' }, nodes: ['pve1'] });
  let left = failures;
  world.before.moveGuest = ({ vmid, from }) => {
    if (from !== 'pve1' || left === 0) return;
    left -= 1;
    throw ApplicationFailure.nonRetryable(`vm-${vmid} (${vmid}) cannot be moved`, 'GuestMoveFailed');
  };
  return world;
}

async function questionOf(handle: WorkflowHandle, after?: Question): Promise<Question> {
  let open: Question | null = null;
  await until(async () => {
    open = (await progressOf(handle)).question;
    return open !== null && open.id !== after?.id;
  });
  return open as unknown as Question;
}

const decide = (handle: WorkflowHandle, question: string, option: string) =>
  handle.executeUpdate<string, [{ question: string; option: string }]>('decide', { args: [{ question, option }] });

async function refusalOf(answer: Promise<string>): Promise<string> {
  const error: unknown = await answer.then(
    () => new Error('it was taken'),
    (reason: unknown) => reason,
  );
  return error instanceof WorkflowUpdateFailedError ? (error.cause?.message ?? '') : String(error);
}

describe('a question', () => {
  it('is shown by the roll, mailed with the commands that answer it, and kept with its answer', async () => {
    const world = aWorldThatAsks();
    let question: Question | undefined;
    const report = await roll(environment, world, {
      meanwhile: async (run: Run<RollReport>) => {
        question = await questionOf(run.handle);
        expect((await progressOf(run.handle)).waitingFor).toContain(`decide ${question.id} (retry, shutdown-guest,`);
        expect(await run.handle.query('question')).toEqual(question);
        await until(() => world.mails.length > 0);
        await decide(run.handle, question.id, 'shutdown-guest');
      },
    });
    expect(question).toMatchObject({
      node: 'pve1',
      about: 'guestMove',
      text: 'vm-100 (100) cannot be moved',
      options: ['retry', 'shutdown-guest', 'skip-node', 'stop'],
    });
    expect(world.mails[0]).toMatchObject({ subject: 'pve1 waits for your decision' });
    expect(world.mails[0]?.text).toContain(`caretaker decide ${question?.id} shutdown-guest`);
    expect(report.nodes[0]).toMatchObject({
      outcome: 'updated',
      decisions: [{ question, answer: 'shutdown-guest', by: 'person' }],
    });
    expect(world.changes()).toContain('ensureGuestStopped 100 pve1');
    expect(world.guests[0]).toMatchObject({ node: 'pve1', running: true });
  });

  it('takes no answer but one of its options, and none when it is not open', async () => {
    const refusals: string[] = [];
    await roll(environment, aWorldThatAsks(), {
      meanwhile: async ({ handle }) => {
        const { id } = await questionOf(handle);
        refusals.push(await refusalOf(decide(handle, id, 'continue')));
        refusals.push(await refusalOf(decide(handle, 'pve1-9-beef', 'retry')));
        await decide(handle, id, 'retry');
        refusals.push(await refusalOf(decide(handle, id, 'stop')));
      },
    });
    expect(refusals).toEqual([
      'option: continue is not one of retry, shutdown-guest, skip-node, stop',
      expect.stringMatching(/^question: the open question is pve1-1-\w{4}, not pve1-9-beef$/) as string,
      'no question is open now',
    ]);
  });

  it('is asked again when the cluster is in no state for the answer', async () => {
    const world = aWorldThatAsks();
    const report = await roll(environment, world, {
      meanwhile: async ({ handle }) => {
        const first = await questionOf(handle);
        world.cluster = { nodes: [aNode('pve1'), aNode('pve2', { online: false })] };
        await decide(handle, first.id, 'retry');
        const second = await questionOf(handle, first);
        expect(second.text).toContain('pve2 went offline meanwhile, and at most one node may be away');
        world.cluster = {};
        await decide(handle, second.id, 'retry');
      },
    });
    expect(report.nodes[0]).toMatchObject({
      outcome: 'updated',
      decisions: [{ answer: 'retry' }, { answer: 'retry' }],
    });
    expect(world.changes().filter((change) => change === 'move 100 pve1→pve2')).toHaveLength(2);
  });

  it('comes one at a time, and none after one that has ended the update', async () => {
    const world = aWorldThatAsks(2, [aVm(100), aVm(101)]);
    const failure = await failureOf(
      roll(environment, world, {
        meanwhile: async ({ handle }) => {
          const { id } = await questionOf(handle);
          await until(() => world.calls.filter((call) => call.name === 'moveGuest').length === 2);
          await decide(handle, id, 'stop');
        },
      }),
    );
    expect(failure.report.nodes[0]?.decisions).toHaveLength(1);
    expect(world.guests.map((guest) => guest.node)).toEqual(['pve1', 'pve1']);
  });

  it('ends with the run when that is aborted', async () => {
    const world = aWorldThatAsks();
    const failure = await failureOf(
      roll(environment, world, {
        meanwhile: async ({ handle }) => {
          await questionOf(handle);
          await handle.executeUpdate('abort');
        },
      }),
    );
    expect(failure).toMatchObject({ type: 'Aborted', report: { outcome: 'aborted', nodes: [{ decisions: [] }] } });
    expect(world.changes().at(-1)).toBe('move 100 pve2→pve1');
  });

  it('ends with the run when that is canceled', async () => {
    const failure = await failureOf(
      roll(environment, aWorldThatAsks(), {
        meanwhile: async ({ handle }) => {
          await questionOf(handle);
          await handle.cancel();
        },
      }),
    );
    expect(failure.canceled).toBe(true);
  });

  it('can be answered while the run is paused, which then holds', async () => {
    const world = aWorldThatAsks();
    const report = await roll(environment, world, {
      meanwhile: async ({ handle }) => {
        const { id } = await questionOf(handle);
        await handle.executeUpdate('pause');
        await decide(handle, id, 'retry');
        await until(async () => (await progressOf(handle)).question === null);
        expect(world.calls.filter((call) => call.name === 'moveGuest')).toHaveLength(1);
        await handle.executeUpdate('resume');
      },
    });
    expect(report.outcome).toBe('done');
  });
});
