import type { LabClock } from '../core/clock.ts';
import type { LabContext } from '../core/context.ts';
import type { EventLog } from '../core/event-log.ts';
import type { FaultBoard } from '../core/faults.ts';
import type { CreateMachine } from '../core/machine.ts';
import type { ShutdownPolicy, Site, StorageSpec } from '../site.ts';
import { scheduleBackups } from './backup-jobs.ts';
import type { BackupJob } from './backup-jobs.ts';
import { backupOf, backupStorage } from './backups.ts';
import type { Backup } from './backups.ts';
import { Ceph } from './ceph.ts';
import { registerCommands } from './commands.ts';
import { dieError, NO_QUORUM } from './errors.ts';
import { createGuest, shutdownGuest, startGuest, stopGuest } from './guests.ts';
import type { Guest, ShutdownOptions } from './guests.ts';
import { HaManager } from './ha-manager.ts';
import { checkMigration, migrate } from './migration.ts';
import type { MigrateOptions } from './migration.ts';
import { ClusterNode, wireNode } from './node.ts';
import { acceptsExpected, configuredVotes, countVotes } from './quorum.ts';
import type { VoteCount } from './quorum.ts';
import { replicate, ReplicationJob, REPLICATION_INTERVAL_MS } from './replication.ts';
import { StatusBroadcast } from './stats.ts';
import { TaskBoard } from './tasks.ts';
import type { Task } from './tasks.ts';

/** Virtual milliseconds one guest's backup takes. */
const BACKUP_MS = 90_000;

/** A Proxmox VE cluster: members, votes, guests, workers, HA. Everything the API and the commands act on. */
export class Cluster implements LabContext {
  readonly clock: LabClock;
  readonly log: EventLog;
  readonly faults: FaultBoard;
  readonly directory: string;
  readonly site: Site;
  readonly nodes: ReadonlyMap<string, ClusterNode>;
  readonly guests: ReadonlyMap<number, Guest>;
  readonly tasks: TaskBoard;
  readonly ha: HaManager;
  readonly stats: StatusBroadcast;
  readonly replication: readonly ReplicationJob[];
  readonly backupJobs: readonly BackupJob[];
  readonly backups: Backup[];
  readonly ceph: Ceph | undefined;
  shutdownPolicy: ShutdownPolicy;
  /** The QDevice daemon on its host answers. */
  qdeviceConnected: boolean;
  /** Ring id, one higher at every membership change. */
  ringId = 0x1a8;
  #wasQuorate = true;

  constructor(
    context: LabContext,
    site: Site,
    nodes: ReadonlyMap<string, ClusterNode>,
    guests: ReadonlyMap<number, Guest>,
  ) {
    this.clock = context.clock;
    this.log = context.log;
    this.faults = context.faults;
    this.directory = context.directory;
    this.site = site;
    this.nodes = nodes;
    this.guests = guests;
    this.shutdownPolicy = site.shutdownPolicy;
    this.qdeviceConnected = site.qdevice;
    this.tasks = new TaskBoard(this.clock, this.log, this.faults);
    this.replication = site.replication.map((spec) => new ReplicationJob(spec, this.clock.now()));
    for (const node of nodes.values()) wireNode(this, node);
    this.ha = new HaManager(this);
    this.stats = new StatusBroadcast(this);
    this.backupJobs = scheduleBackups(this);
    this.backups = (site.backups ?? []).map((spec) => backupOf(this, spec));
    this.ceph = site.ceph ? new Ceph(this) : undefined;
    this.clock.every(REPLICATION_INTERVAL_MS, () => {
      for (const job of this.replication) this.runReplication(job);
    });
  }

  get configuredVotes(): number {
    return configuredVotes(this.site.nodes, this.site.qdevice);
  }

  get votes(): VoteCount {
    const voters = [...this.nodes.values()].map((node) => ({
      name: node.name,
      votes: node.spec.votes,
      online: node.joined,
      expected: node.expected,
    }));
    return countVotes(voters, this.qdeviceConnected);
  }

  get quorate(): boolean {
    return this.votes.quorate;
  }

  isQuorate(node: ClusterNode): boolean {
    return node.joined && this.quorate;
  }

  node(name: string): ClusterNode {
    const node = this.nodes.get(name);
    if (!node) throw dieError(`no such cluster node '${name}'`);
    return node;
  }

  guestsOn(node: string): Guest[] {
    return [...this.guests.values()].filter((guest) => guest.node === node);
  }

  isShared(storage: string): boolean {
    return this.site.storages.some((spec) => spec.id === storage && spec.shared);
  }

  storagesOf(node: string): StorageSpec[] {
    return this.site.storages.filter((storage) => !storage.nodes || storage.nodes.includes(node));
  }

  hasStorage(node: string, storage: string): boolean {
    return this.storagesOf(node).some((spec) => spec.id === storage);
  }

  /** @throws PveError 500 while pmxcfs is read-only. */
  assertWritable(): void {
    if (!this.quorate) throw dieError(NO_QUORUM);
  }

  /** To be called after anything that changes the membership or the votes. */
  updateQuorum(): void {
    this.ringId += 4;
    const votes = this.votes;
    if (votes.quorate === this.#wasQuorate) return;
    this.#wasQuorate = votes.quorate;
    this.log.record('lab', votes.quorate ? 'quorum.regained' : 'quorum.lost', 'cluster', { ...votes });
    this.ha.quorumChanged(votes.quorate);
  }

  /** Connects or disconnects the QDevice. */
  setQdevice(connected: boolean): void {
    this.qdeviceConnected = this.site.qdevice && connected;
    this.updateQuorum();
  }

  /** `pvecm expected N`, not persistent. False when corosync refuses the number. */
  setExpected(votes: number): boolean {
    if (!acceptsExpected(votes, this.votes.total)) return false;
    for (const node of this.nodes.values()) if (node.joined) node.expected = votes;
    this.updateQuorum();
    return true;
  }

  startGuestTask(guest: Guest, user: string): Task {
    return this.tasks.start(this.node(guest.node), `${guest.worker}start`, String(guest.vmid), user, async () => {
      this.assertWritable();
      startGuest(guest);
      await Promise.resolve();
    });
  }

  shutdownGuestTask(guest: Guest, user: string, options: ShutdownOptions): Task {
    return this.#guestTask(guest, 'shutdown', user, (task) => shutdownGuest(this, guest, task, options));
  }

  stopGuestTask(guest: Guest, user: string): Task {
    return this.#guestTask(guest, 'stop', user, async () => {
      stopGuest(guest, user);
      await Promise.resolve();
    });
  }

  rebootGuestTask(guest: Guest, user: string, timeout: number): Task {
    return this.#guestTask(guest, 'reboot', user, async (task) => {
      await shutdownGuest(this, guest, task, { timeout, forceStop: false });
      task.signal.throwIfAborted();
      guest.machine.powerOn();
    });
  }

  /** Checks what the server checks first, then starts the `qmigrate` or `vzmigrate` worker. */
  migrateGuestTask(guest: Guest, user: string, options: MigrateOptions): Task {
    checkMigration(this, guest, options);
    const type = guest.spec.kind === 'lxc' ? 'vzmigrate' : 'qmigrate';
    return this.tasks.start(this.node(guest.node), type, String(guest.vmid), user, (task) =>
      migrate(this, guest, options, task),
    );
  }

  /** A `vzdump` worker: each guest is locked (`backup`) while it is read. */
  backupTask(node: ClusterNode, guests: readonly Guest[], user: string, storage: string = backupStorage(this)): Task {
    const id = guests.length === 1 ? String(guests[0]?.vmid) : '';
    return this.tasks.start(node, 'vzdump', id, user, async (task) => {
      for (const guest of guests) {
        this.assertWritable();
        guest.assertUnlocked();
        guest.lock = 'backup';
        const takenAt = this.clock.now();
        task.log(`INFO: Starting Backup of VM ${guest.vmid} (${guest.spec.kind})`);
        try {
          await this.clock.sleep(BACKUP_MS, task.signal);
        } finally {
          if (node.joined) guest.lock = undefined;
        }
        this.backups.push({ guest, storage, takenAt, size: guest.spec.disks[0]?.size });
        task.log(`INFO: Finished Backup of VM ${guest.vmid} (00:01:30)`);
      }
      task.log('INFO: Backup job finished successfully');
    });
  }

  runReplication(job: ReplicationJob): void {
    void replicate(
      {
        clock: this.clock,
        faults: this.faults,
        jobs: this.replication,
        nodeOf: (vmid) => this.guests.get(vmid)?.node,
        reachable: (name) => this.nodes.get(name)?.joined ?? false,
      },
      job,
    );
  }

  async close(): Promise<void> {
    for (const guest of this.guests.values()) await guest.machine.close();
    for (const node of this.nodes.values()) await node.machine.close();
  }

  #guestTask(guest: Guest, verb: string, user: string, work: (task: Task) => Promise<void>): Task {
    return this.tasks.start(this.node(guest.node), `${guest.worker}${verb}`, String(guest.vmid), user, async (task) => {
      guest.assertUnlocked();
      if (!guest.running) throw new Error(`${guest.noun} ${guest.vmid} not running`);
      await work(task);
    });
  }
}

/** Makes the machines of a site and the cluster of them, up and running as the site says. */
export async function createCluster(context: LabContext, site: Site, createMachine: CreateMachine): Promise<Cluster> {
  const expected = configuredVotes(site.nodes, site.qdevice);
  const nodes = new Map<string, ClusterNode>();
  for (const [index, spec] of site.nodes.entries()) {
    const machine = await createMachine({
      id: `node/${spec.name}`,
      hostname: spec.name,
      kind: 'proxmox',
      bootMs: spec.bootMs,
      shutdownMs: spec.shutdownMs,
      packages: spec.packages,
      kernels: spec.kernels,
      ...(spec.kernelPin === undefined ? {} : { pin: spec.kernelPin }),
      ...spec.troubles,
    });
    nodes.set(spec.name, new ClusterNode(spec, index + 1, machine, expected));
  }
  const guests = new Map<number, Guest>();
  for (const spec of site.guests) {
    guests.set(spec.vmid, await createGuest(context, spec, createMachine, (guest) => nodes.get(guest.node)?.machine));
  }
  const cluster = new Cluster(context, site, nodes, guests);
  registerCommands(cluster);
  return cluster;
}
