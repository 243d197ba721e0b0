import { ApplicationFailure } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoLaterId, updateNodeId } from '../../domain/ids.ts';
import type { LeaseAnswer } from '../../domain/lease.ts';
import type { NodeReport } from '../../domain/report.ts';
import { undoKey, type OpenUndo, type Undo, type UndoResult, type UndoView } from '../../domain/undo.ts';
import type { Leftover } from '../../planning/leftover.ts';
import type { UndoLaterInput } from '../../workflows/undo-later.ts';
import { aLeftover, aMove, aNode, aVm, guestAway, openUndo, theSoftware } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import {
  aWorld,
  failureOf,
  roll as rollAll,
  undoLeft,
  until,
  updateOneNode,
  type Run,
  type World,
} from './roll-world.ts';

// One each: after a run with a child run, such as that of its mail, a time-skipping server skips no time any more.
let environment: TestWorkflowEnvironment;
beforeEach(async () => {
  environment = await timeSkippingEnvironment();
});
afterEach(async () => {
  await environment?.teardown();
});

/** What is left after `aLeftover`: guest 100 on pve2, the backup job disabled. */
function aWorldLeftOpen(): World {
  const world = aWorld([aVm(100, { node: 'pve2' })]);
  world.backups = { running: [], jobs: [{ id: 'nightly', enabled: false, nextRun: null }] };
  return world;
}

const NIGHTLY: Undo = { kind: 'backup-job', id: 'nightly' };

const UNDONE = ['maintenance off pve1', 'move 100 pve2→pve1', 'ensureBackupJob'];

const sick = () => {
  throw ApplicationFailure.nonRetryable('is offline for the other nodes', 'RejoinFailed');
};

/** A mail goes its own way: the worker must not end with the run that has it sent. */
function untilMailed(world: World) {
  return async ({ report }: Run<UndoResult>) => {
    await report.catch(() => undefined);
    await until(() => world.mails.length > 0);
  };
}

async function undoOf(id: string): Promise<UndoView> {
  return environment.client.workflow.getHandle(id).query<UndoView>('undo');
}

interface Payloads {
  readonly payloads?: readonly { readonly data?: Uint8Array | null }[] | null;
}

function readFirst<T>(input: Payloads | null | undefined): T {
  return JSON.parse(Buffer.from(input?.payloads?.[0]?.data ?? []).toString()) as T;
}

function changesBut(world: World, ...names: string[]): string[] {
  return world.changes().filter((change) => !names.includes(change));
}

describe('what a run has left open', () => {
  it('is undone in its stages once the node is back, and told by mail', async () => {
    const world = aWorldLeftOpen();
    let away = 3;
    world.before.awaitRejoin = () => {
      if (away-- > 0) sick();
    };
    const result = await undoLeft(environment, world, { left: aLeftover({ cluster: world.name }) }, untilMailed(world));
    expect(result).toMatchObject({ open: [], forgotten: [], undone: [{}, {}, {}] });
    expect(changesBut(world, 'awaitRejoin pve1')).toEqual(['ensureBackupJob', ...UNDONE.slice(0, 2)]);
    expect(world.guests[0]?.node).toBe('pve1');
    expect(world.mails[0]).toMatchObject({ subject: `Undone: what was left open on pve1 of ${world.name}` });
    expect(world.mails[0]?.text).toContain('100 vm-100 was brought back to pve1');
  });

  it('is tried for three days, then given up with a mail that names every entry and what to do by hand', async () => {
    const world = aWorldLeftOpen();
    world.before.awaitRejoin = sick;
    const started = await environment.currentTimeMs();
    const failure = await failureOf(
      undoLeft(environment, world, { left: aLeftover({ cluster: world.name }) }, untilMailed(world)),
    );
    expect((await environment.currentTimeMs()) - started).toBeGreaterThanOrEqual(3 * 86_400_000);
    expect(failure).toMatchObject({ type: 'UndoGivenUp', report: { open: [{}, {}], undone: [{ id: 'nightly' }] } });
    expect(failure.message).toContain('pve1 is not well: is offline for the other nodes');
    expect(world.changes().filter((change) => !/awaitRejoin|ensureBackupJob/.test(change))).toEqual([]);
    expect(world.mails[0]?.subject).toBe(`TO DO: 2 changes on pve1 of ${world.name} must be taken back by hand`);
    for (const remedy of ['node-maintenance disable pve1', 'qm migrate 100 pve1 --online']) {
      expect(world.mails[0]?.text.replaceAll(/\s+/g, ' ')).toContain(remedy);
    }
  });

  it('waits for a reboot that may still come: the node must be in another boot', async () => {
    const world = aWorldLeftOpen();
    const expected = { ...aLeftover().expected, bootIdBefore: 'pve1-boot-1' };
    const seen: (string | undefined)[] = [];
    world.before.awaitRejoin = () => {
      seen.push(world.guests[0]?.node);
      if (seen.length > 3) world.software.set('pve1', theSoftware('pve1', { bootId: 'pve1-boot-2' }));
    };
    await undoLeft(environment, world, { left: aLeftover({ cluster: world.name, expected }) });
    // Once more under the lease.
    expect(seen).toEqual(Array.from({ length: 5 }, () => 'pve2'));
    expect(world.guests[0]?.node).toBe('pve1');
  });

  it('waits for an upgrade that may still be at work', async () => {
    const world = aWorldLeftOpen();
    let running = 2;
    world.before.awaitUpgradeOver = () => {
      if (running-- > 0) throw ApplicationFailure.nonRetryable('its job still runs');
    };
    await undoLeft(environment, world, { left: aLeftover({ cluster: world.name, upgradeJob: 'upgrade-1' }) });
    expect(running).toBeLessThan(0);
    const names = world.calls.map(({ name }) => name);
    expect(names.indexOf('ensureMaintenance')).toBeGreaterThan(names.lastIndexOf('awaitUpgradeOver'));
  });

  it('goes on after a change that somebody has made pointless', async () => {
    const world = aWorldLeftOpen();
    world.before.moveGuest = () => {
      throw ApplicationFailure.nonRetryable('vm-100 (100) no longer exists', 'GuestGone');
    };
    const result = await undoLeft(environment, world, { left: aLeftover({ cluster: world.name }) }, untilMailed(world));
    expect(result).toMatchObject({
      open: [],
      overtaken: [{ undo: { vmid: 100 }, reason: 'vm-100 (100) no longer exists' }],
    });
    expect(world.mails[0]).toMatchObject({ subject: `Settled: what was left open on pve1 of ${world.name}` });
    expect(world.mails[0]?.text).not.toContain('brought back');
  });

  it('is left as found where others have changed it, and not said to be taken back', async () => {
    const world = aWorldLeftOpen();
    world.guests = [aVm(100, { node: 'pve3' })];
    world.backups = { running: [], jobs: [] };
    const result = await undoLeft(environment, world, { left: aLeftover({ cluster: world.name }) });
    expect(result.undone).toEqual([{ kind: 'maintenance', node: 'pve1' }]);
    expect(result.overtaken.map(({ reason }) => reason)).toEqual([
      'vm-100 (100) was moved to pve3 by somebody else and stays there',
      'the backup job nightly was removed by somebody else',
    ]);
    expect(result.warnings).toEqual([]);
  });

  it('is carried over when the run continues as new', async () => {
    const world = aWorldLeftOpen();
    let away = 12;
    world.before.awaitRejoin = () => {
      if (away-- > 0) sick();
    };
    const left = aLeftover({ cluster: world.name });
    const result = await undoLeft(environment, world, { left, longestHistory: 30 });
    expect(result).toMatchObject({ open: [], undone: [{ id: 'nightly' }, { kind: 'maintenance' }, { vmid: 100 }] });
    const first = await environment.client.workflow.getHandle(undoLaterId(world.name, 'pve1')).describe();
    expect(first.raw.workflowExecutionInfo?.firstRunId).not.toBe(first.runId);
  });
});

describe('HA that was disarmed', () => {
  it('stays disarmed while any node is away, with what needs the HA manager; guests go home meanwhile', async () => {
    const world = aWorldLeftOpen();
    world.nodes.push('pve3');
    world.cluster = { nodes: [aNode('pve1'), aNode('pve2'), aNode('pve3', { online: false })] };
    const disarmed: Undo = { kind: 'ha-armed' };
    const open = [openUndo(disarmed), ...aLeftover().open];
    const armedWhileAway: string[] = [];
    let looks = 0;
    world.before.awaitRejoin = () => {
      looks += 1;
      if (looks > 6) world.cluster = {};
      else armedWhileAway.push(...world.changes().filter((change) => change === 'ensureHaArmed'));
    };
    await undoLeft(environment, world, { left: aLeftover({ cluster: world.name, open }) });
    expect(looks).toBeGreaterThan(6);
    expect(armedWhileAway).toEqual([]);
    expect(changesBut(world, 'awaitRejoin pve1')).toEqual([
      'move 100 pve2→pve1',
      'ensureBackupJob',
      'ensureHaArmed',
      'maintenance off pve1',
    ]);
  });

  it('holds nothing back once a person has armed it, though a node is still away', async () => {
    const world = aWorldLeftOpen();
    world.nodes.push('pve3');
    const nodes = [aNode('pve1'), aNode('pve2'), aNode('pve3', { online: false })];
    world.cluster = { nodes, ha: { armed: 'armed' } };
    const open = [openUndo({ kind: 'ha-armed' }), ...aLeftover().open];
    await undoLeft(environment, world, { left: aLeftover({ cluster: world.name, open }) });
    expect(changesBut(world, 'awaitRejoin pve1')).toEqual(['ensureHaArmed', ...UNDONE]);
  });
});

/** In which order a run asked for the lease and had the node proved. */
function leaseAndProofs(world: World): string[] {
  const words: Partial<Record<string, string>> = { requestLease: 'lease', awaitRejoin: 'proof' };
  return world.calls.flatMap(({ name }) => words[name] ?? []);
}

describe('the lease of the cluster', () => {
  it('is not asked for while nothing can be undone', async () => {
    const world = aWorldLeftOpen();
    const open = aLeftover().open.filter(({ undo }) => undo.kind !== 'backup-job');
    let away = 5;
    world.before.awaitRejoin = () => {
      if (away-- > 0) sick();
    };
    await undoLeft(environment, world, { left: aLeftover({ cluster: world.name, open }) });
    expect(leaseAndProofs(world)).toEqual([...Array.from({ length: 6 }, () => 'proof'), 'lease', 'proof']);
    expect(world.changes()).toContain('maintenance off pve1');
  });

  it('is not asked for a backup job while the cluster has no quorum, and kept for minutes while the node is away', async () => {
    const world = aWorldLeftOpen();
    world.cluster = { nodes: [aNode('pve1', { online: false }), aNode('pve2')], quorate: false };
    let looks = 0;
    world.before.awaitRejoin = () => {
      looks += 1;
      if (looks > 3) world.cluster = { nodes: [aNode('pve1', { online: false }), aNode('pve2')] };
      sick();
    };
    const left = aLeftover({ cluster: world.name, open: [openUndo(NIGHTLY)] });
    await undoLeft(environment, world, { left });
    expect(leaseAndProofs(world)).toEqual(['proof', 'proof', 'proof', 'proof', 'lease', 'proof']);
    expect(world.calls.find(({ name }) => name === 'ensureBackupJob')?.input).toMatchObject({ within: '10 minutes' });
  });

  it('is waited for while another run has it; nothing is touched before, and the node is proved again after', async () => {
    const world = aWorldLeftOpen();
    const taken: LeaseAnswer = {
      granted: false,
      ahead: 0,
      holder: {
        run: { workflowId: 'rolling-update/homelab', runId: 'other' },
        reason: 'rolling update',
        priority: 'maintenance',
        since: '2026-11-22T03:00:00.000Z',
        preemptedBy: null,
      },
    };
    world.lease = taken;
    let asked = 0;
    world.before.requestLease = () => {
      asked += 1;
      if (asked > 4) world.lease = { granted: true };
    };
    await undoLeft(environment, world, { left: aLeftover({ cluster: world.name }) });
    expect(asked).toBeGreaterThan(4);
    expect(world.changes()).toEqual(['awaitRejoin pve1', 'awaitRejoin pve1', ...UNDONE]);
  });
});

describe('people', () => {
  it('see what is open, why, and when it is tried next; and have it tried at once', async () => {
    const world = aWorldLeftOpen();
    await undoLeft(environment, world, { left: aLeftover({ cluster: world.name }) }, async ({ handle }) => {
      const view = await handle.query<UndoView>('undo');
      expect(view).toMatchObject({ node: 'pve1', tries: 0, state: 'waits', nextTry: expect.any(String) as string });
      expect(view.open.map(({ undo }) => undo.kind)).toEqual(['maintenance', 'guest-away', 'backup-job']);
      expect(view.open[0]).toMatchObject({ reason: 'pve1 is not well: it is away' });
      // Time stands still here, so that only this can begin a try.
      expect(await handle.executeUpdate<string, []>('retryNow')).toBe('tries now; 3 still to be undone');
      await until(() => world.changes().length >= 5);
    });
    expect(changesBut(world, 'awaitRejoin pve1')).toEqual(UNDONE);
  });

  it('take one entry upon themselves by its key; an unknown one is refused with those that there are', async () => {
    const world = aWorldLeftOpen();
    const result = await undoLeft(
      environment,
      world,
      { left: aLeftover({ cluster: world.name }) },
      async ({ handle }) => {
        const forget = (key: string) => handle.executeUpdate<string, [string]>('forget', { args: [key] });
        await expect(forget('101')).rejects.toMatchObject({
          cause: { message: expect.stringContaining('maintenance, 100, backup:nightly') as string },
        });
        expect(await forget('100')).toBe('100: left to you; 2 still to be undone');
      },
    );
    expect(result).toMatchObject({ forgotten: [{ vmid: 100 }], undone: [{}, {}] });
    expect(world.changes()).not.toContain('move 100 pve2→pve1');
  });

  it('take everything upon themselves: it ends at once, well, with nothing touched and no mail', async () => {
    const world = aWorldLeftOpen();
    const result = await undoLeft(
      environment,
      world,
      { left: aLeftover({ cluster: world.name }) },
      async ({ handle }) => {
        const answer = await handle.executeUpdate<string, []>('forget');
        expect(answer).toBe('maintenance, 100, backup:nightly: left to you; nothing is left to be undone');
      },
    );
    expect(result.forgotten).toHaveLength(3);
    expect(world.changes()).toEqual([]);
    expect(world.mails).toEqual([]);
  });

  it('cancel it: it stops trying and mails what is left to them', async () => {
    const world = aWorldLeftOpen();
    world.before.awaitRejoin = sick;
    const left = aLeftover({ cluster: world.name });
    const failure = await failureOf(
      undoLeft(environment, world, { left }, async (run) => {
        await run.handle.cancel();
        await untilMailed(world)(run);
      }),
    );
    expect(failure.canceled).toBe(true);
    expect(world.mails[0]?.subject).toMatch(/^TO DO: 3 changes on pve1/);
  });
});

describe('a run that leaves something open', () => {
  /** Guests that do not come home. */
  function stubborn(...vmids: number[]) {
    return ({ vmid, to }: { vmid: number; to: string }) => {
      if (vmids.includes(vmid) && to === 'pve1') throw ApplicationFailure.nonRetryable('storage is gone');
    };
  }

  it('hands it over before it ends and says so in its report; a second run adds to it', async () => {
    const world = aWorld([aVm(100), aVm(101)]);
    const id = undoLaterId(world.name, 'pve1');
    world.before.moveGuest = stubborn(100);
    const first = await updateOneNode(environment, world, { node: 'pve1' });
    expect(first.undoLater?.workflowId).toBe(id);
    expect(Date.parse(first.undoLater?.until ?? '')).toBeGreaterThan(Date.now() + 2.9 * 86_400_000);

    world.before.moveGuest = stubborn(101);
    world.software.set('pve1', theSoftware('pve1', { pending: [{ name: 'curl', from: '1', to: '2' }] }));
    const second = await updateOneNode(environment, world, { node: 'pve1' });
    expect(second.undoLater?.workflowId).toBe(id);
    const { events } = await environment.client.workflow.getHandle(id).fetchHistory();
    const told = events?.flatMap((event) => event.workflowExecutionSignaledEventAttributes ?? []) ?? [];
    expect(told.map(({ signalName, input }) => [signalName, readFirst<Leftover>(input).open[0]?.undo])).toEqual([
      ['undoMore', expect.objectContaining({ kind: 'guest-away', vmid: 101 })],
    ]);
  });

  it('does so when its node died in the reboot, with the boot that may still end', async () => {
    const world = aWorld([aVm(100)], { reboot: 'always' });
    world.before.rebootNode = () => {
      throw ApplicationFailure.nonRetryable('Waited 20 minutes for pve1 to reboot: it is down', 'RebootNotProven');
    };
    const failure = await failureOf<NodeReport>(updateOneNode(environment, world, { node: 'pve1' }));
    expect(failure.report).toMatchObject({
      outcome: 'failed',
      undoLater: { workflowId: undoLaterId(world.name, 'pve1') },
    });
    const history = await environment.client.workflow.getHandle(undoLaterId(world.name, 'pve1')).fetchHistory();
    const { left } = readFirst<UndoLaterInput>(history.events?.[0]?.workflowExecutionStartedEventAttributes?.input);
    expect(left.expected).toMatchObject({ bootIdBefore: 'pve1-boot-1' });
  });

  it('finds one at work for its node and adds to it: both are undone, by the word of the newer one', async () => {
    const world = aWorldLeftOpen();
    world.guests.push(aVm(101, { node: 'pve2' }));
    const left = aLeftover({ cluster: world.name, open: [openUndo(guestAway(100))] });
    const more = aLeftover({ cluster: world.name, open: [openUndo(guestAway(101))], moves: [aMove(101)] });
    const result = await undoLeft(environment, world, { left }, async ({ handle }) => {
      await handle.signal('undoMore', more);
      const { open } = await handle.query<UndoView>('undo');
      expect(open.map(({ undo }) => undoKey(undo))).toEqual(['101', '100']);
    });
    expect(result.undone).toHaveLength(2);
    expect(world.guests.map(({ node }) => node)).toEqual(['pve1', 'pve1']);
  });

  it('tells while it is under way what is still to be undone, the roll as well as the run of its node', async () => {
    const world = aWorld([aVm(100)]);
    const told: string[][] = [];
    let roll: string | undefined;
    world.before.upgradeNode = async ({ node }) => {
      await until(() => roll !== undefined);
      for (const id of node === 'pve1' ? [updateNodeId(world.name), roll ?? ''] : []) {
        const keys = async () =>
          (await environment.client.workflow.getHandle(id).query<OpenUndo[]>('undo')).map(({ undo }) => undoKey(undo));
        await until(async () => (await keys()).length > 0);
        told.push(await keys());
      }
    };
    await rollAll(environment, world, {
      meanwhile: ({ handle }) => {
        roll = handle.workflowId;
        return Promise.resolve();
      },
    });
    expect(told).toEqual([['100'], ['100']]);
  });

  it('leaves nobody behind when everything was undone', async () => {
    const world = aWorld([aVm(100)]);
    expect(await updateOneNode(environment, world, { node: 'pve1' })).not.toHaveProperty('undoLater');
    await expect(undoOf(undoLaterId(world.name, 'pve1'))).rejects.toThrow();
  });
});
