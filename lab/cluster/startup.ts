import type { Cluster } from './cluster.ts';
import type { Guest } from './guests.ts';
import { shutdownGuest } from './guests.ts';
import type { ClusterNode } from './node.ts';
import type { Task } from './tasks.ts';

/** A guest's `startup` line. Delays in virtual seconds. */
export interface StartupOrder {
  /** Missing order: after all that have one. */
  readonly order: number;
  readonly up: number;
  readonly down: number;
}

/** Reads `order=1,up=30,down=60`; a shutdown may take 180 s unless it says otherwise. */
export function startupOrder(line: string | undefined): StartupOrder {
  const fields = new Map<string, string | undefined>(
    (line ?? '').split(',').map((field) => {
      const [key = '', value] = field.split('=');
      return [key, value];
    }),
  );
  const number = (key: string, missing: number) => {
    const value = fields.get(key);
    return value === undefined ? missing : Number(value);
  };
  return { order: number('order', Number.MAX_SAFE_INTEGER), up: number('up', 0), down: number('down', 180) };
}

/** Guests in the order they start; they stop in the reverse. */
export function inStartOrder(guests: readonly Guest[]): Guest[] {
  return [...guests].sort(
    (a, b) => startupOrder(a.spec.startup).order - startupOrder(b.spec.startup).order || a.vmid - b.vmid,
  );
}

/** What `startall` and `stopall` act on: without a list, HA-managed guests are the HA manager's business. */
export interface BulkOptions {
  readonly vms?: readonly number[];
  /** Start guests without `onboot` too. */
  readonly force?: boolean;
}

function chosen(cluster: Cluster, node: string, options: BulkOptions): Guest[] {
  return cluster.guestsOn(node).filter((guest) => {
    if (guest.spec.template) return false;
    if (options.vms) return options.vms.includes(guest.vmid);
    return !cluster.ha.isManaged(guest.sid);
  });
}

/** The `startall` worker: waits for quorum, then starts guests in order, pausing `up` seconds after each. */
export async function startAll(cluster: Cluster, node: ClusterNode, task: Task, options: BulkOptions): Promise<void> {
  if (!cluster.quorate) task.log('waiting for quorum ...');
  while (!cluster.isQuorate(node)) await cluster.clock.sleep(1_000, task.signal);
  task.log('got quorum');
  for (const guest of inStartOrder(chosen(cluster, node.name, options))) {
    if (guest.running || (!guest.spec.onboot && !options.force && !options.vms)) continue;
    if (guest.lock === 'backup') {
      task.warn(`removing stale 'backup' lock from ${guest.noun} ${guest.vmid}`);
      guest.lock = undefined;
    }
    task.log(`Starting ${guest.noun} ${guest.vmid}`);
    const started = cluster.startGuestTask(guest, 'root@pam');
    await started.done;
    if (started.exitStatus !== 'OK') task.warn(`Starting ${guest.noun} ${guest.vmid} failed: ${started.exitStatus}`);
    await cluster.clock.sleep(startupOrder(guest.spec.startup).up * 1000, task.signal);
  }
}

/** The `stopall` worker: groups of equal order together, last started first. */
export async function stopAll(
  cluster: Cluster,
  node: ClusterNode,
  task: Task,
  options: BulkOptions & { readonly timeout?: number; readonly forceStop: boolean },
): Promise<void> {
  const guests = inStartOrder(chosen(cluster, node.name, options).filter((guest) => guest.running)).reverse();
  const orders = [...new Set(guests.map((guest) => startupOrder(guest.spec.startup).order))];
  for (const order of orders) {
    const group = guests.filter((guest) => startupOrder(guest.spec.startup).order === order);
    await Promise.all(
      group.map(async (guest) => {
        task.log(`Stopping ${guest.noun} ${guest.vmid}`);
        const timeout = options.timeout ?? startupOrder(guest.spec.startup).down;
        const stop = cluster.tasks.start(node, `${guest.worker}shutdown`, String(guest.vmid), task.user, (inner) =>
          shutdownGuest(cluster, guest, inner, { timeout, forceStop: options.forceStop }),
        );
        await stop.done;
      }),
    );
  }
}
