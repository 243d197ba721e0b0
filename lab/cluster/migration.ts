import { GiB } from '../site.ts';
import type { Cluster } from './cluster.ts';
import { dieError, parameterError } from './errors.ts';
import type { Guest } from './guests.ts';
import { shutdownGuest } from './guests.ts';
import { flipDirection } from './replication.ts';
import type { Task } from './tasks.ts';

/** Parameters of `POST /nodes/{node}/{qemu,lxc}/{vmid}/migrate` that matter to the model. */
export interface MigrateOptions {
  readonly target: string;
  readonly online?: boolean;
  readonly restart?: boolean;
  readonly withLocalDisks?: boolean;
  /** Seconds a container may take to shut down (default 180). */
  readonly timeout?: number;
  /** Given a target storage, local storage names need not exist on the target. */
  readonly targetStorage?: string;
}

/** Virtual milliseconds: setting up, moving one GiB of memory, replicated and plain local disk, waiting for the lock. */
const TIMES = {
  setup: 4_000,
  memoryPerGiB: 2_000,
  replicatedDelta: 2_000,
  diskPerGiB: 1_000,
  migrationLock: 10_000,
} as const;

/** How long a VM stands still in a live migration; nothing else in the lab takes so little time. */
const DOWNTIME_MS = 59;

/** What is wrong with a migration before any worker starts; the order is the server's. */
export function checkMigration(cluster: Cluster, guest: Guest, options: MigrateOptions): void {
  if (options.target === guest.node) throw parameterError({ target: 'target is local node.' });
  if (!cluster.nodes.has(options.target)) throw dieError(`no such cluster node '${options.target}'`);
  guest.assertUnlocked();
  if (guest.running) checkRunning(cluster, guest, options);
  if (options.targetStorage) return;
  for (const disk of guest.spec.disks) {
    if (!cluster.hasStorage(options.target, disk.storage)) {
      throw dieError(`storage '${disk.storage}' is not available on node '${options.target}'`);
    }
  }
}

function checkRunning(cluster: Cluster, guest: Guest, options: MigrateOptions): void {
  if (guest.spec.kind === 'lxc') {
    if (!options.online && !options.restart) {
      throw dieError(`can't migrate running container without --online or --restart`);
    }
    return;
  }
  if (!options.online) throw dieError(`can't migrate running VM without --online`);
  const jobs = cluster.replication.filter((job) => job.guest === guest.vmid);
  if (jobs.length > 0 && !jobs.some((job) => job.target === options.target)) {
    throw dieError(
      `Cannot live-migrate replicated VM to node '${options.target}' - not a replication target. Use 'force' to override.`,
    );
  }
}

/** The `qmigrate` / `vzmigrate` worker. */
export async function migrate(cluster: Cluster, guest: Guest, options: MigrateOptions, task: Task): Promise<void> {
  const source = guest.node;
  const startedAt = cluster.clock.now();
  checkDevices(cluster, guest, options, task);
  const target = cluster.node(options.target);
  const verb = guest.spec.kind === 'lxc' ? 'starting migration of CT' : 'starting migration of VM';
  task.log(`${verb} ${guest.vmid} to node '${options.target}' (${target.spec.address})`);
  if (!target.joined) {
    await cluster.clock.sleep(TIMES.setup, task.signal);
    throw new Error(`Can't connect to destination address using public key`);
  }
  cluster.assertWritable();
  await awaitReplication(cluster, guest, task);
  guest.lock = 'migrate';
  const restart = guest.spec.kind === 'lxc' && guest.running;
  try {
    if (restart) await stopForMove(cluster, guest, options, task);
    await transfer(cluster, guest, options, task);
    cluster.assertWritable();
    guest.node = options.target;
    flipDirection(cluster.replication, guest.vmid, source, options.target);
    guest.lock = undefined;
    if (restart) {
      task.log('start container on target node');
      guest.machine.powerOn();
    }
  } catch (error) {
    undoMigration(cluster, guest, source, restart, task);
    throw error;
  }
  cluster.log.record(`api:${task.user}`, 'guest.migrated', guest.id, {
    from: source,
    to: options.target,
    live: guest.spec.kind === 'qemu' && guest.running,
  });
  const seconds = Math.round((cluster.clock.now() - startedAt) / 1000);
  task.log(`migration finished successfully (duration ${new Date(seconds * 1000).toISOString().slice(11, 19)})`);
}

/** `guest_migration_lock`: a migration or a rollback waits ten seconds for a replication of its guest, and no longer. */
export async function awaitReplication(cluster: Cluster, guest: Guest, task: Task): Promise<void> {
  const until = cluster.clock.now() + TIMES.migrationLock;
  const replicates = () => cluster.replication.some((job) => job.guest === guest.vmid && job.pid !== undefined);
  while (replicates()) {
    if (cluster.clock.now() >= until) {
      throw new Error(`can't lock file '/var/lock/pve-manager/pve-migrate-${guest.vmid}' - got timeout`);
    }
    await cluster.clock.sleep(500, task.signal);
  }
}

function checkDevices(cluster: Cluster, guest: Guest, options: MigrateOptions, task: Task): void {
  if (guest.spec.kind === 'lxc') {
    if (options.online && guest.running && !options.restart) {
      throw new Error('lxc live migration is currently not implemented');
    }
    const [mount] = guest.localBindMounts();
    if (mount) throw new Error(`cannot migrate local bind mount point '${mount}'`);
    return;
  }
  const { local, mapped } = guest.devices();
  if (local.length > 0) throw new Error(`can't migrate VM which uses local devices: ${local.join(', ')}`);
  const image = guest.spec.cdrom?.split(',')[0];
  if (image !== undefined && !cluster.isShared(image.split(':')[0] ?? '')) {
    task.log(`can't migrate local disk '${image}': local cdrom image`);
    throw new Error("can't migrate VM - check log");
  }
  if (!guest.running) return;
  if (mapped.length > 0) {
    throw new Error(`can't migrate running VM which uses non-live-migratable mapped devices: ${mapped.join(', ')}`);
  }
  const localDisks = guest.localDisks((storage) => cluster.isShared(storage));
  if (localDisks.length > 0 && !options.withLocalDisks) {
    throw new Error(`can't live migrate attached local disks without with-local-disks option`);
  }
  const replicated = cluster.replication.some((job) => job.guest === guest.vmid && job.target === options.target);
  if (localDisks.length > 0 && guest.snapshots.size > 0 && !replicated) {
    task.log('online storage migration not possible if non-replicated snapshot exists');
    throw new Error("can't migrate VM - check log");
  }
}

async function stopForMove(cluster: Cluster, guest: Guest, options: MigrateOptions, task: Task): Promise<void> {
  task.log(`shutdown CT ${guest.vmid}`);
  await shutdownGuest(cluster, guest, task, { timeout: options.timeout ?? 180, forceStop: true });
  task.signal.throwIfAborted();
}

/** Moves the bits; the target's death ends it as `migration aborted`. */
async function transfer(cluster: Cluster, guest: Guest, options: MigrateOptions, task: Task): Promise<void> {
  const replicated = cluster.replication.some((job) => job.guest === guest.vmid && job.target === options.target);
  const local = guest.localDisks((storage) => cluster.isShared(storage));
  const disks = local.reduce(
    (sum, disk) => sum + (replicated ? TIMES.replicatedDelta : (disk.size / GiB) * TIMES.diskPerGiB),
    0,
  );
  const memory = guest.spec.kind === 'qemu' && guest.running ? (guest.spec.memory / GiB) * TIMES.memoryPerGiB : 0;
  if (memory > 0) task.log(`starting online/live migration on unix:/run/qemu-server/${guest.vmid}.migrate`);
  const total = TIMES.setup + disks + memory;
  const targetLost = AbortSignal.any([task.signal, cluster.node(options.target).life.signal]);
  const steps = 4;
  for (let step = 1; step <= steps; step++) {
    try {
      await cluster.clock.sleep(total / steps, targetLost);
    } catch {
      task.signal.throwIfAborted();
      task.log('ERROR: online migrate failure - aborting');
      throw new Error('migration aborted');
    }
    if (memory > 0) task.log(`migration active, transferred ${step * 25}%`);
  }
  if (memory > 0) {
    task.log(`average migration speed: 1.2 GiB/s - downtime ${DOWNTIME_MS} ms`);
    task.log('migration status: completed');
  }
}

/** A worker that still lives cleans up after itself; the lock of one that died with its node stays behind. */
function undoMigration(cluster: Cluster, guest: Guest, source: string, restart: boolean, task: Task): void {
  if (!cluster.node(source).joined || !task.running) return;
  guest.lock = undefined;
  if (restart && !guest.running) {
    task.log('start container on source node');
    guest.machine.powerOn();
  }
}
