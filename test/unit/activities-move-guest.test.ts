import { CancelledFailure } from '@temporalio/activity';
import { describe, expect, it } from 'vitest';
import type { TaskSearch } from '../../clients/proxmox/index.ts';
import {
  activitiesOver,
  activityEnvironment,
  clientError,
  fakeDeps,
  taskFailed,
  taskOk,
} from '../helpers/fake-deps.ts';
import {
  type MoveOptions,
  aWorld,
  arrive,
  move,
  moveIn,
  neverEnding,
  proxmoxOf,
  silentAtFirst,
  theMove,
} from '../helpers/guest-world.ts';

describe('moving a guest', () => {
  it('migrates a running VM live', async () => {
    const world = aWorld();
    expect(await move(world)).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls).toEqual(['migrate pve1 {"target":"pve2","online":true}', 'follow migrate']);
  });

  it('migrates a container by a restart', async () => {
    const world = aWorld();
    await move(world, { kind: 'lxc' });
    expect(world.calls[0]).toBe('migrate pve1 {"target":"pve2","restart":true}');
  });

  it('copies local disks only when told to', async () => {
    const world = aWorld();
    await move(world, { withLocalDisks: true });
    expect(world.calls[0]).toBe('migrate pve1 {"target":"pve2","online":true,"withLocalDisks":true}');
  });

  it('is done when the guest has moved although its task failed', async () => {
    const world = aWorld();
    world.migrations = [() => arrive(world, taskFailed('migration aborted'))];
    expect(await move(world)).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls.filter((call) => call.startsWith('migrate'))).toHaveLength(1);
  });

  it('tries a failed migration again', async () => {
    const world = aWorld();
    world.migrations = [() => taskFailed('connection lost'), () => arrive(world)];
    expect(await move(world)).toEqual({ vmid: 100, node: 'pve2' });
  });

  it('gives up after three failed migrations and tells the last words of the task', async () => {
    const world = aWorld();
    world.migrations = [() => taskFailed('storage is full')];
    await expect(move(world)).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      nonRetryable: true,
      message:
        'web (100) cannot be moved from pve1 to pve2: the migration ended with "storage is full" (TASK ERROR: storage is full)',
    });
    expect(world.calls.filter((call) => call.startsWith('migrate'))).toHaveLength(3);
  });

  it('does not believe a task that says OK while the guest stays: tries again, then gives up', async () => {
    const world = aWorld();
    world.migrations = [() => taskOk];
    await expect(move(world)).rejects.toMatchObject({ type: 'GuestMoveFailed', nonRetryable: true });
    expect(world.calls.filter((call) => call.startsWith('migrate'))).toHaveLength(3);
  });

  it('follows a migration that runs already instead of starting a second', async () => {
    const world = aWorld();
    world.runningTask = 'earlier';
    expect(await move(world)).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls).toEqual(['follow earlier']);
  });

  it.each(['pve1', 'pve2'])('does not take a guest on %s for stopped while that node does not answer', async (node) => {
    const world = aWorld({ node });
    const proxmox = silentAtFirst(proxmoxOf(world, 'qemu'));
    expect(await moveIn(proxmox)).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls.filter((call) => call.startsWith('start'))).toEqual([]);
  });

  it('says that a node did not answer, at the end of its time', async () => {
    const proxmox = silentAtFirst(proxmoxOf(aWorld(), 'qemu'), Infinity);
    await expect(moveIn(proxmox, '20 ms')).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      message: expect.stringContaining('pve1 does not say whether web (100) runs') as string,
    });
  });

  it('waits for a guest on another node that is being migrated away from there, then moves it', async () => {
    const world = aWorld({ node: 'pve2', lock: 'migrate' });
    world.runningTask = 'earlier';
    const proxmox = proxmoxOf(world, 'qemu');
    // It leaves pve2 for pve1, from where it is to be moved to pve2.
    proxmox.findRunningTask = ({ node }) => Promise.resolve(node === 'pve2' ? world.runningTask : undefined);
    world.migrations = [
      () => {
        world.place = { node: 'pve1', running: true, lock: undefined };
        return taskOk;
      },
      () => arrive(world),
    ];
    expect(await moveIn(proxmox)).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls).toEqual(['follow earlier', expect.stringContaining('migrate pve1'), 'follow migrate']);
  });

  it('does not believe a guest to have arrived anywhere while it is locked by a migration', async () => {
    const world = aWorld({ node: 'pve3', lock: 'migrate' });
    await expect(move(world, { within: '20 ms' })).rejects.toMatchObject({
      message: expect.stringContaining('it is locked (migrate)') as string,
    });
  });

  it.each([
    "can't lock file '/var/lock/pve-manager/pve-migrate-100' - got timeout",
    'VM is locked (backup)',
    'CT is locked (snapshot)',
  ])('does not count a migration that could not begin: "%s"', async (reason) => {
    const world = aWorld();
    world.migrations = [...Array.from({ length: 5 }, () => () => taskFailed(reason)), () => arrive(world)];
    expect(await move(world)).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls.filter((call) => call.startsWith('migrate'))).toHaveLength(6);
  });

  it('ends with its own explanation when the migration takes too long', async () => {
    const world = aWorld();
    const { proxmox } = neverEnding(proxmoxOf(world, 'qemu'));
    await expect(moveIn(proxmox, '20 ms')).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      message: expect.stringMatching(/^Waited 20 ms for web \(100\) to move.*: the migration still runs\./) as string,
    });
  });

  it('ends with the cancellation, not with an explanation, when it is cancelled under the migration', async () => {
    const { proxmox, followed } = neverEnding(proxmoxOf(aWorld(), 'qemu'));
    const { moveGuest } = activitiesOver(fakeDeps({ proxmox }));
    const environment = activityEnvironment();
    void followed.then(() => environment.cancel());
    await expect(environment.run(moveGuest, theMove('1 minute'))).rejects.toBeInstanceOf(CancelledFailure);
  });

  it('begins no migration after its time', async () => {
    const world = aWorld();
    const late = { scheduledTimestampMs: Date.now() - 3_600_000 };
    const { moveGuest } = activitiesOver(fakeDeps({ proxmox: proxmoxOf(world, 'qemu') }));
    await expect(activityEnvironment(late).run(moveGuest, theMove('1 minute'))).rejects.toMatchObject({
      message: expect.stringContaining('there is no time left for the migration') as string,
    });
    expect(world.calls).toEqual([]);
  });

  it.each(['CT 100 already running', 'VM 100 already running'])('looks again when told "%s"', async (reason) => {
    const world = aWorld({ node: 'pve2', running: false });
    world.tasks = ['pve1 vzmigrate start failed'];
    const proxmox = proxmoxOf(world, 'lxc');
    proxmox.startGuest = () => {
      world.place = { node: 'pve2', running: true, lock: undefined };
      return Promise.reject(clientError('refused', reason));
    };
    const { moveGuest } = activitiesOver(fakeDeps({ proxmox }));
    const moved = await activityEnvironment().run(moveGuest, { ...theMove('1 minute'), kind: 'lxc' });
    expect(moved).toEqual({ vmid: 100, node: 'pve2' });
  });

  it('leaves a guest where somebody else has moved it', async () => {
    const world = aWorld({ node: 'pve3' });
    expect(await move(world)).toEqual({ vmid: 100, node: 'pve3' });
    expect(world.calls).toEqual([]);
  });

  it('leaves a guest stopped that somebody stopped before its turn', async () => {
    const world = aWorld({ running: false });
    expect(await move(world)).toEqual({ vmid: 100, node: 'pve1' });
    expect(world.calls).toEqual([]);
  });

  it('starts a container that its failed migration left stopped, and tries again', async () => {
    const world = aWorld();
    world.migrations = [
      () => {
        world.place = { node: 'pve1', running: false, lock: undefined };
        return taskFailed('target is full');
      },
      () => arrive(world),
    ];
    expect(await move(world, { kind: 'lxc' })).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls.filter((call) => !call.startsWith('follow'))).toEqual([
      expect.stringContaining('migrate pve1'),
      'start on pve1',
      expect.stringContaining('migrate pve1'),
    ]);
  });

  it('starts a container at the target when its migration could not', async () => {
    const world = aWorld();
    world.migrations = [
      () => {
        world.place = { node: 'pve2', running: false, lock: undefined };
        return taskFailed('start failed');
      },
    ];
    expect(await move(world, { kind: 'lxc' })).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls.at(-2)).toBe('start on pve2');
  });

  it.each<[string, string, string[]]>([
    ['at the target', 'pve2', ['pve1 vzmigrate start failed', 'pve2 vzstart startup for container failed']],
    ['at its source', 'pve1', ['pve1 vzstart OK', 'pve1 vzmigrate storage is full']],
  ])('starts a container that a migration before its time left stopped %s', async (_, node, tasks) => {
    const world = aWorld({ node, running: false });
    world.tasks = tasks;
    expect(await move(world, { kind: 'lxc' })).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls[0]).toBe(`start on ${node}`);
  });

  it.each<[string, MoveOptions & { node: string; tasks?: string[] }]>([
    ['on a third node', { node: 'pve3' }],
    ['on a third node, after we have tried', { node: 'pve3', kind: 'lxc', attempt: 2 }],
    ['at the target', { node: 'pve2' }],
    ['at the target: a container', { node: 'pve2', kind: 'lxc' }],
    ['after our migration', { node: 'pve2', kind: 'lxc', tasks: ['pve1 vzmigrate OK', 'pve2 vzshutdown OK'] }],
    [
      'from within, after our migration',
      { node: 'pve2', kind: 'lxc', tasks: ['pve1 vzmigrate OK', 'pve2 vzstart OK'] },
    ],
  ])('leaves a guest stopped that somebody has stopped %s', async (_, { node, tasks = [], ...options }) => {
    const world = aWorld({ node, running: false });
    world.tasks = tasks;
    expect(await move(world, options)).toEqual({ vmid: 100, node });
    expect(world.calls).toEqual([]);
  });

  it('does not know whose a stopped container is while the node that it left does not answer', async () => {
    const proxmox = proxmoxOf(aWorld({ node: 'pve2', running: false }), 'lxc');
    proxmox.tasks = () => Promise.reject(clientError('retryable', '595'));
    const { moveGuest } = activitiesOver(fakeDeps({ proxmox }));
    await expect(activityEnvironment().run(moveGuest, { ...theMove('20 ms'), kind: 'lxc' })).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      message: expect.stringContaining('595') as string,
    });
  });

  it.each<[string, MoveOptions]>([
    ['remembers it', { attempt: 2, heartbeatDetails: { tried: 1, waitingFor: 'the migration' } }],
    ['lost its memory with its worker', { attempt: 2 }],
    ['lost what came after it waited for a lock', { attempt: 2, heartbeatDetails: { tried: 0, waitingFor: 'a lock' } }],
  ])('starts a container that an earlier attempt left stopped, when it %s', async (_, options) => {
    const world = aWorld({ running: false });
    expect(await move(world, { kind: 'lxc', ...options })).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls[0]).toBe('start on pve1');
  });

  it('says that it tries before it tries, so that the memory survives the worker', async () => {
    const world = aWorld();
    const { moveGuest } = activitiesOver(fakeDeps({ proxmox: proxmoxOf(world, 'lxc') }));
    const environment = activityEnvironment();
    environment.onHeartbeat((details: unknown) => world.calls.push(`heartbeat ${JSON.stringify(details)}`));
    await environment.run(moveGuest, {
      vmid: 100,
      kind: 'lxc',
      name: 'web',
      from: 'pve1',
      to: 'pve2',
      withLocalDisks: false,
      within: '1 minute',
    });
    const told = world.calls.findIndex((call) => call.startsWith('heartbeat {"tried":1'));
    expect(told).toBeGreaterThanOrEqual(0);
    expect(told).toBeLessThan(world.calls.findIndex((call) => call.startsWith('migrate')));
  });

  it('waits for a lock instead of running into it', async () => {
    const world = aWorld({ lock: 'backup' });
    let looks = 0;
    const proxmox = proxmoxOf(world, 'qemu');
    const locate = proxmox.guestLocation;
    proxmox.guestLocation = (vmid) => {
      if (++looks === 3) world.place = { node: 'pve1', running: true, lock: undefined };
      return locate?.(vmid) ?? Promise.resolve(undefined);
    };
    const { moveGuest } = activitiesOver(fakeDeps({ proxmox }));
    await activityEnvironment().run(moveGuest, {
      vmid: 100,
      kind: 'qemu',
      name: 'web',
      from: 'pve1',
      to: 'pve2',
      withLocalDisks: false,
      within: '1 minute',
    });
    expect(looks).toBeGreaterThanOrEqual(3);
    expect(world.calls).toEqual([expect.stringContaining('migrate'), 'follow migrate']);
  });

  it('says at the end of its time what it waited for', async () => {
    await expect(move(aWorld({ lock: 'backup' }), { within: '20 ms' })).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      message:
        'Waited 20 ms for web (100) to move from pve1 to pve2: it is locked (backup). Look at the migration in the task log of the node.',
    });
  });

  it('gives up at once when Proxmox refuses', async () => {
    const world = aWorld();
    world.refusal = clientError('refused', "can't migrate: local cdrom");
    await expect(move(world)).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      nonRetryable: true,
      message: "web (100) cannot be moved from pve1 to pve2: can't migrate: local cdrom",
    });
    expect(world.calls).toHaveLength(1);
  });

  it('goes on when Proxmox has no answer at the moment', async () => {
    const world = aWorld();
    world.refusal = clientError('retryable', 'no quorum');
    const proxmox = proxmoxOf(world, 'qemu');
    const migrate = proxmox.migrateGuest;
    proxmox.migrateGuest = (guest, options) => {
      const answer = migrate?.(guest, options) ?? Promise.reject(new Error());
      delete world.refusal;
      return answer;
    };
    const { moveGuest } = activitiesOver(fakeDeps({ proxmox }));
    const moved = await activityEnvironment().run(moveGuest, {
      vmid: 100,
      kind: 'qemu',
      name: 'web',
      from: 'pve1',
      to: 'pve2',
      withLocalDisks: false,
      within: '1 minute',
    });
    expect(moved.node).toBe('pve2');
  });

  it('goes by the place of the guest when its old node no longer answers', async () => {
    const world = aWorld({ node: 'pve2' });
    const proxmox = {
      ...proxmoxOf(world, 'qemu'),
      findRunningTask: ({ node }: TaskSearch) =>
        node === 'pve1' ? Promise.reject(clientError('retryable', '595')) : Promise.resolve(undefined),
    };
    const { moveGuest } = activitiesOver(fakeDeps({ proxmox }));
    const moved = await activityEnvironment().run(moveGuest, {
      vmid: 100,
      kind: 'qemu',
      name: 'web',
      from: 'pve1',
      to: 'pve2',
      withLocalDisks: false,
      within: '1 minute',
    });
    expect(moved.node).toBe('pve2');
  });

  it('says that a guest no longer exists', async () => {
    const world = aWorld();
    world.place = undefined;
    await expect(move(world)).rejects.toMatchObject({
      type: 'GuestGone',
      nonRetryable: true,
      message: expect.stringContaining('no longer exists') as string,
    });
  });
});
