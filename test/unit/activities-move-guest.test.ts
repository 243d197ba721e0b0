import { describe, expect, it } from 'vitest';
import type { GuestLocation, MigrateOptions, ProxmoxClient, TaskResult } from '../../clients/proxmox/index.ts';
import type { Duration } from '../../domain/duration.ts';
import {
  activitiesOver,
  activityEnvironment,
  clientError,
  fakeDeps,
  taskFailed,
  taskOk,
} from '../helpers/fake-deps.ts';

type Place = Pick<GuestLocation, 'node' | 'running' | 'lock'>;

interface GuestWorld {
  place: Place | undefined;
  /** What each migration in turn ends with; it may change `place`. The last one counts for all that follow. */
  migrations: (() => TaskResult)[];
  runningTask?: string | undefined;
  refusal?: Error;
  readonly calls: string[];
}

function aWorld(place: Partial<Place> = {}): GuestWorld {
  const world: GuestWorld = {
    place: { node: 'pve1', running: true, lock: undefined, ...place },
    migrations: [() => arrive(world)],
    calls: [],
  };
  return world;
}

function arrive(world: GuestWorld, result = taskOk): TaskResult {
  world.place = { node: 'pve2', running: true, lock: undefined };
  return result;
}

function proxmoxOf(world: GuestWorld, type: 'qemu' | 'lxc'): Partial<ProxmoxClient> {
  const endOf = (upid: string): TaskResult => {
    if (upid === 'start') {
      if (world.place) world.place = { ...world.place, running: true };
      return taskOk;
    }
    const next = world.migrations.length > 1 ? world.migrations.shift() : world.migrations[0];
    world.runningTask = undefined;
    return next?.() ?? taskOk;
  };
  return {
    findRunningTask: ({ type: kind }) => Promise.resolve(/migrate$/.test(kind) ? world.runningTask : undefined),
    startTask: ({ post }) => post(),
    guestLocation: (vmid) =>
      Promise.resolve(
        world.place && {
          vmid,
          type,
          name: undefined,
          haManaged: false,
          status: world.place.running ? 'running' : 'stopped',
          ...world.place,
        },
      ),
    migrateGuest: (guest, options: MigrateOptions) => {
      world.calls.push(`migrate ${guest.node} ${JSON.stringify(options)}`);
      return world.refusal ? Promise.reject(world.refusal) : Promise.resolve('migrate');
    },
    startGuest: (guest) => {
      world.calls.push(`start on ${guest.node}`);
      return Promise.resolve('start');
    },
    task: (upid) => ({
      upid,
      follow: () => {
        world.calls.push(`follow ${upid}`);
        return Promise.resolve(endOf(upid));
      },
      stop: () => Promise.reject(new Error('a migration is never stopped')),
    }),
  };
}

interface MoveOptions {
  readonly kind?: 'qemu' | 'lxc';
  readonly withLocalDisks?: boolean;
  readonly within?: Duration;
  readonly attempt?: number;
  readonly heartbeatDetails?: unknown;
}

function move(world: GuestWorld, options: MoveOptions = {}) {
  const { kind = 'qemu', withLocalDisks = false, within = '1 minute', ...info } = options;
  const { moveGuest } = activitiesOver(fakeDeps({ proxmox: proxmoxOf(world, kind) }));
  return activityEnvironment(info).run(moveGuest, {
    vmid: 100,
    kind,
    name: 'web',
    from: 'pve1',
    to: 'pve2',
    withLocalDisks,
    within,
  });
}

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
    const world = aWorld({ node: 'pve2', running: false });
    expect(await move(world, { kind: 'lxc' })).toEqual({ vmid: 100, node: 'pve2' });
    expect(world.calls[0]).toBe('start on pve2');
  });

  it.each<[string, MoveOptions]>([
    ['remembers it', { attempt: 2, heartbeatDetails: { tried: 1, waitingFor: 'the migration' } }],
    ['lost its memory with its worker', { attempt: 2 }],
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
      findRunningTask: () => Promise.reject(clientError('retryable', '595')),
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
      type: 'GuestMoveFailed',
      nonRetryable: true,
      message: expect.stringContaining('no longer exists') as string,
    });
  });
});

describe('stopping and starting a guest', () => {
  const guest = { vmid: 100, kind: 'qemu', name: 'web', node: 'pve1', within: '1 minute' } as const;

  it('shuts it down in order and waits until it is down', async () => {
    const world = aWorld();
    world.migrations = [
      () => {
        world.place = { node: 'pve1', running: false, lock: undefined };
        return taskOk;
      },
    ];
    const shutdownGuest = () => Promise.resolve('shutdown');
    const { ensureGuestStopped } = activitiesOver(
      fakeDeps({ proxmox: { ...proxmoxOf(world, 'qemu'), shutdownGuest } }),
    );
    await activityEnvironment().run(ensureGuestStopped, guest);
    expect(world.calls).toEqual(['follow shutdown']);
  });

  it('does nothing to one that is down already or has gone elsewhere', async () => {
    for (const place of [{ running: false }, { node: 'pve2' }]) {
      const world = aWorld(place);
      const { ensureGuestStopped } = activitiesOver(fakeDeps({ proxmox: proxmoxOf(world, 'qemu') }));
      await activityEnvironment().run(ensureGuestStopped, guest);
      expect(world.calls).toEqual([]);
    }
  });

  it('never forces one that does not obey, and says what to do', async () => {
    const world = aWorld();
    world.migrations = [() => taskFailed('VM quit/powerdown failed - got timeout')];
    const shutdownGuest = () => Promise.resolve('shutdown');
    const { ensureGuestStopped } = activitiesOver(
      fakeDeps({ proxmox: { ...proxmoxOf(world, 'qemu'), shutdownGuest } }),
    );
    await expect(activityEnvironment().run(ensureGuestStopped, { ...guest, within: '20 ms' })).rejects.toMatchObject({
      type: 'GuestMoveFailed',
      message: expect.stringContaining('Shut it down by hand') as string,
    });
  });

  it('starts one where it is now, and leaves one alone that runs', async () => {
    const world = aWorld({ node: 'pve3', running: false });
    const { ensureGuestRunning } = activitiesOver(fakeDeps({ proxmox: proxmoxOf(world, 'qemu') }));
    expect(await activityEnvironment().run(ensureGuestRunning, guest)).toEqual({ vmid: 100, node: 'pve3' });
    expect(world.calls).toEqual(['start on pve3', 'follow start']);
    expect(await activityEnvironment().run(ensureGuestRunning, guest)).toEqual({ vmid: 100, node: 'pve3' });
    expect(world.calls).toHaveLength(2);
  });
});
