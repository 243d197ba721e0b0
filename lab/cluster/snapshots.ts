import type { StorageSpec } from '../site.ts';
import type { Cluster } from './cluster.ts';
import type { Guest, GuestLock, GuestSnapshot } from './guests.ts';
import { stopGuest } from './guests.ts';
import { awaitReplication } from './migration.ts';
import type { Task } from './tasks.ts';

/** Virtual milliseconds. */
const TIMES = { create: 2_000, remove: 3_000, rollBack: 2_000 } as const;

/** Plugins whose volumes can be snapshotted as the lab has them; raw images in a folder cannot. */
const ABLE: readonly StorageSpec['type'][] = ['zfspool', 'lvmthin'];

/** `has_feature('snapshot')`: every volume must be able to; a bind mount is none. */
export function canSnapshot(cluster: Cluster, guest: Guest): boolean {
  const able = ({ storage }: { readonly storage: string }) =>
    cluster.site.storages.some((spec) => spec.id === storage && ABLE.includes(spec.type));
  return guest.spec.disks.every(able) && Object.keys(guest.spec.bindMounts ?? {}).length === 0;
}

/** The `qmsnapshot` / `vzsnapshot` worker. */
export async function createSnapshot(
  cluster: Cluster,
  guest: Guest,
  { name, description }: { readonly name: string; readonly description: string },
  task: Task,
): Promise<void> {
  cluster.assertWritable();
  assertNoTemplate(guest, "you can't take a snapshot if it's a template");
  guest.assertUnlocked();
  if (guest.snapshots.has(name)) throw new Error(`snapshot name '${name}' already used`);
  if (!canSnapshot(cluster, guest)) throw new Error('snapshot feature is not available');
  const snapshot: GuestSnapshot = {
    name,
    description,
    takenAt: cluster.clock.now(),
    parent: guest.parent,
    state: 'prepare',
    disks: undefined,
  };
  guest.snapshots.set(name, snapshot);
  await locked(cluster, guest, 'snapshot', async () => {
    await cluster.clock.sleep(TIMES.create, task.signal);
    for (const { key } of guest.spec.disks) task.log(`snapshotting '${key}'`);
    snapshot.disks = await guest.machine.copyDisks();
    cluster.assertWritable();
    snapshot.state = undefined;
    guest.parent = name;
  }).catch((error: unknown) => {
    // A worker that still lives cleans up after itself.
    if (guest.lock === undefined) forget(guest, snapshot);
    throw error;
  });
  cluster.log.record(`api:${task.user}`, 'guest.snapshot', guest.id, { name });
}

/** The `qmdelsnapshot` / `vzdelsnapshot` worker. */
export async function deleteSnapshot(cluster: Cluster, guest: Guest, name: string, task: Task): Promise<void> {
  cluster.assertWritable();
  assertNoTemplate(guest, "you can't delete a snapshot if vm is a template");
  const snapshot = found(guest, name);
  guest.assertUnlocked();
  snapshot.state = 'delete';
  await locked(cluster, guest, 'snapshot-delete', async () => {
    await cluster.clock.sleep(TIMES.remove, task.signal);
    forget(guest, snapshot);
  });
  cluster.log.record(`api:${task.user}`, 'guest.snapshot-deleted', guest.id, { name });
}

/** The `qmrollback` / `vzrollback` worker, without the start that may follow. */
export async function rollBack(cluster: Cluster, guest: Guest, name: string, task: Task): Promise<void> {
  await awaitReplication(cluster, guest, task);
  cluster.assertWritable();
  assertNoTemplate(guest, "you can't rollback if vm is a template");
  const snapshot = found(guest, name);
  assertNewest(cluster, guest, snapshot);
  if (snapshot.state) throw new Error(`unable to rollback to incomplete snapshot (snapstate = ${snapshot.state})`);
  guest.assertUnlocked();
  stopGuest(guest, `api:${task.user}`);
  // One that breaks off here leaves its lock behind: nobody knows which volumes are of which time.
  guest.lock = 'rollback';
  await cluster.clock.sleep(TIMES.rollBack, task.signal);
  await snapshot.disks?.restore();
  guest.parent = name;
  guest.lock = undefined;
  cluster.log.record(`api:${task.user}`, 'guest.rollback', guest.id, { name });
}

/** ZFS throws away what is newer, so Proxmox refuses to go back past a later snapshot. */
function assertNewest(cluster: Cluster, guest: Guest, snapshot: GuestSnapshot): void {
  const later = [...guest.snapshots.values()].some((other) => other !== snapshot && other.takenAt >= snapshot.takenAt);
  const disk = guest.spec.disks.findIndex(({ storage }) =>
    cluster.site.storages.some((spec) => spec.id === storage && spec.type === 'zfspool'),
  );
  if (!later || disk < 0) return;
  throw new Error(`can't rollback, '${snapshot.name}' is not most recent snapshot on '${guest.volumeId(disk)}'`);
}

function found(guest: Guest, name: string): GuestSnapshot {
  const snapshot = guest.snapshots.get(name);
  if (!snapshot) throw new Error(`snapshot '${name}' does not exist`);
  return snapshot;
}

function assertNoTemplate(guest: Guest, refusal: string): void {
  if (guest.spec.template) throw new Error(refusal);
}

/** Takes a snapshot out of the chain of parents. */
function forget(guest: Guest, snapshot: GuestSnapshot): void {
  guest.snapshots.delete(snapshot.name);
  snapshot.disks?.drop();
  if (guest.parent === snapshot.name) guest.parent = snapshot.parent;
  for (const other of guest.snapshots.values()) if (other.parent === snapshot.name) other.parent = snapshot.parent;
}

/** The lock of a worker that died with its node stays behind. */
async function locked(cluster: Cluster, guest: Guest, lock: GuestLock, work: () => Promise<void>): Promise<void> {
  guest.lock = lock;
  try {
    await work();
  } finally {
    if (cluster.node(guest.node).joined) guest.lock = undefined;
  }
}
