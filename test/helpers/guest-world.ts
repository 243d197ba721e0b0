import type {
  GuestLocation,
  MigrateOptions,
  ProxmoxClient,
  TaskListing,
  TaskResult,
} from '../../clients/proxmox/index.ts';
import type { Duration } from '../../domain/duration.ts';
import { activitiesOver, activityEnvironment, fakeDeps, taskOk } from './fake-deps.ts';

type Place = Pick<GuestLocation, 'node' | 'running' | 'lock'>;

export interface GuestWorld {
  place: Place | undefined;
  /** What each migration in turn ends with; it may change `place`. The last one counts for all that follow. */
  migrations: (() => TaskResult)[];
  runningTask?: string | undefined;
  refusal?: Error;
  /** What the task lists of the nodes tell of the guest: `pve1 vzmigrate OK`, one a second from the epoch on. */
  tasks: string[];
  readonly calls: string[];
}

export function aWorld(place: Partial<Place> = {}): GuestWorld {
  const world: GuestWorld = {
    place: { node: 'pve1', running: true, lock: undefined, ...place },
    migrations: [() => arrive(world)],
    calls: [],
    tasks: [],
  };
  return world;
}

export function arrive(world: GuestWorld, result = taskOk): TaskResult {
  world.place = { node: 'pve2', running: true, lock: undefined };
  return result;
}

export function proxmoxOf(world: GuestWorld, type: 'qemu' | 'lxc'): Partial<ProxmoxClient> {
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
    tasks: (node, { type: only, since = 0 } = {}) =>
      Promise.resolve(
        listTasks(world).filter(
          (task) => task.node === node && task.startTime >= since && (only === undefined || task.type === only),
        ),
      ),
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

function listTasks({ tasks }: GuestWorld): TaskListing[] {
  return tasks.map((line, startTime) => {
    const [node = '', type = '', ...status] = line.split(' ');
    const endTime = startTime + 1;
    return {
      ...{ upid: line, node, type, id: '100', user: 'caretaker@pve', startTime, endTime },
      ...{ status: status.join(' '), running: false },
    };
  });
}

export interface MoveOptions {
  readonly kind?: 'qemu' | 'lxc';
  readonly withLocalDisks?: boolean;
  readonly within?: Duration;
  readonly attempt?: number;
  readonly heartbeatDetails?: unknown;
}

export function move(world: GuestWorld, options: MoveOptions = {}) {
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

export function theMove(within: Duration) {
  return { vmid: 100, kind: 'qemu', name: 'web', from: 'pve1', to: 'pve2', withLocalDisks: false, within } as const;
}

export function moveIn(proxmox: Partial<ProxmoxClient>, within: Duration = '1 minute') {
  const { moveGuest } = activitiesOver(fakeDeps({ proxmox }));
  return activityEnvironment().run(moveGuest, theMove(within));
}

/** The node of the guest does not answer at first: the client gives what it knows from the others. */
export function silentAtFirst(proxmox: Partial<ProxmoxClient>, looks = 2): Partial<ProxmoxClient> {
  const locate = proxmox.guestLocation;
  let silent = looks;
  return {
    ...proxmox,
    guestLocation: async (vmid) => {
      const place = await locate?.(vmid);
      if (!place || silent-- <= 0) return place;
      return { ...place, status: 'unknown', running: false, lock: undefined, haManaged: undefined };
    },
  };
}

/** Tasks that run until nobody follows them any more. */
export function neverEnding(proxmox: Partial<ProxmoxClient>) {
  let heard = () => undefined as void;
  const followed = new Promise<void>((resolve) => (heard = resolve));
  const task: ProxmoxClient['task'] = (upid) => ({
    upid,
    follow: ({ signal } = {}) =>
      new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
        if (signal?.aborted) reject(signal.reason as Error);
        heard();
      }),
    stop: () => Promise.reject(new Error('a migration is never stopped')),
  });
  return { followed, proxmox: { ...proxmox, task } };
}
