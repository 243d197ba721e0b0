import type { HaRequest } from '../site.ts';
import type { Cluster } from './cluster.ts';
import { dieError } from './errors.ts';
import { CrmServices } from './ha-crm.ts';
import { LrmWorkers } from './ha-lrm.ts';
import { CRM_IDLE_ROUNDS, HA_TIMES, LRM_IDLE_ROUNDS, newLrm } from './ha-state.ts';
import type { Disarm, HaNodeState, HaResource, LrmStatus, ServiceStatus } from './ha-state.ts';

/**
 * The HA stack: resources by configuration, a command queue in pmxcfs, one CRM that decides in rounds and an LRM a node
 * that acts. Nothing an operator asks for happens at once, and what the CRM cannot do it ignores without telling.
 */
export class HaManager {
  readonly resources = new Map<string, HaResource>();
  readonly lrm = new Map<string, LrmStatus>();
  readonly nodeStatus = new Map<string, HaNodeState>();
  /** Nodes for which maintenance was asked for and taken by the CRM. */
  readonly maintenanceRequests = new Set<string>();
  readonly services = new Map<string, ServiceStatus>();
  /** Since when a node is out of the membership, virtual milliseconds. */
  readonly offlineSince = new Map<string, number>();
  master: string | undefined;
  disarm: Disarm | undefined;
  masterTimestamp = 0;
  readonly #cluster: Cluster;
  readonly #crm: CrmServices;
  readonly #workers: LrmWorkers;
  readonly #selfFence = new Map<string, () => void>();
  #queue: string[] = [];
  #idleRounds = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#crm = new CrmServices(cluster, this);
    this.#workers = new LrmWorkers(cluster, this);
    for (const guest of cluster.guests.values()) {
      if (guest.spec.ha) this.#configure(guest.sid, guest.vmid, guest.spec.ha);
    }
    for (const name of cluster.nodes.keys()) this.lrm.set(name, newLrm(cluster.clock.now()));
    if (this.resources.size > 0) this.#startActive();
    this.#loop(() => this.#crmRound());
    for (const name of cluster.nodes.keys()) this.#loop(() => this.#lrmRound(name));
  }

  isManaged(sid: string): boolean {
    const resource = this.resources.get(sid);
    return resource !== undefined && resource.state !== 'ignored';
  }

  /** @throws PveError 500 for a service that is not configured. */
  resource(sid: string): HaResource {
    const resource = this.resources.get(sid);
    if (!resource) throw dieError(`no such resource '${sid}'`);
    return resource;
  }

  setState(sid: string, state: HaRequest): void {
    this.#cluster.assertWritable();
    this.resource(sid).state = state;
  }

  /** Queues a command for the next CRM round: `migrate vm:101 pve2`, `node-maintenance enable pve2`. */
  queue(command: string, actor: string): void {
    this.#cluster.assertWritable();
    this.#queue.push(command);
    this.#cluster.log.record(actor, 'ha.command', 'cluster', { command });
  }

  /** The CRM drops something it was told; only its own log says so. */
  ignore(command: string, why: string): void {
    this.#cluster.log.record('crm', 'ha.ignored', 'cluster', { command, why });
  }

  nodeJoined(name: string): void {
    this.offlineSince.delete(name);
    const lrm = newLrm(this.#cluster.clock.now());
    if (this.maintenanceRequests.has(name)) lrm.mode = 'maintenance';
    if (this.disarm) lrm.mode = 'disarm';
    this.lrm.set(name, lrm);
  }

  nodeDied(name: string): void {
    this.#workers.forget(name);
    this.#selfFence.get(name)?.();
    this.#selfFence.delete(name);
  }

  /** What the LRM does in an orderly shutdown, by `shutdown_policy`; resolves when its services are off or away. */
  async nodeShutdown(name: string, reboot: boolean): Promise<void> {
    const lrm = this.#lrmOf(name);
    const { signal } = this.#cluster.node(name).life;
    if (lrm.mode !== 'maintenance') {
      const policy = this.#cluster.shutdownPolicy;
      const freeze = policy === 'freeze' || (policy === 'conditional' && reboot);
      lrm.mode = policy === 'migrate' ? 'maintenance' : freeze ? 'restart' : 'shutdown';
    }
    if (lrm.mode === 'maintenance' && this.#cluster.shutdownPolicy === 'migrate') {
      while (this.#workers.hasWork(name) && !signal.aborted) await this.#cluster.clock.sleep(1_000);
    }
    await this.#workers.stopAll(name);
    if (!signal.aborted && lrm.mode === 'shutdown') lrm.state = 'wait_for_agent_lock';
  }

  /** Watchdogs: an LRM that holds its lock and cannot renew it for 60 s resets its node. */
  quorumChanged(quorate: boolean): void {
    for (const cancel of this.#selfFence.values()) cancel();
    this.#selfFence.clear();
    if (quorate) return;
    for (const [name, lrm] of this.lrm) {
      if (lrm.state !== 'active' || !this.#cluster.node(name).joined) continue;
      this.#selfFence.set(
        name,
        this.#cluster.clock.after(HA_TIMES.watchdog, () => this.#fenceSelf(name)),
      );
    }
  }

  #fenceSelf(name: string): void {
    const node = this.#cluster.node(name);
    this.#cluster.log.record('lab', 'node.fenced', node.subject, { by: 'watchdog' });
    node.machine.powerCut('watchdog');
    node.machine.powerOn();
  }

  #configure(sid: string, vmid: number, state: HaRequest): void {
    this.resources.set(sid, {
      sid,
      vmid,
      state,
      maxRestart: 1,
      maxRelocate: 1,
      failback: true,
      comment: undefined,
    });
  }

  /** A site with HA guests has been running for a while: the CRM is active and every service is where it belongs. */
  #startActive(): void {
    this.master = this.#cluster.site.nodes[0]?.name;
    this.masterTimestamp = this.#cluster.clock.now();
    for (const name of this.#cluster.nodes.keys()) this.nodeStatus.set(name, 'online');
    for (const resource of this.resources.values()) this.#crm.adopt(resource);
    for (const name of this.#cluster.nodes.keys()) {
      if (this.#workers.hasWork(name)) this.#lrmOf(name).state = 'active';
    }
  }

  /** No LRM of a member holds its lock, so no watchdog can reset a node. */
  #allReleased(): boolean {
    return [...this.lrm].every(
      ([name, lrm]) =>
        !this.#cluster.node(name).joined || (lrm.mode === 'disarm' && lrm.state === 'wait_for_agent_lock'),
    );
  }

  #lrmOf(name: string): LrmStatus {
    const lrm = this.lrm.get(name);
    if (!lrm) throw dieError(`no such cluster node '${name}'`);
    return lrm;
  }

  #loop(round: () => boolean): void {
    const active = round();
    this.#cluster.clock.after(active ? HA_TIMES.activeRound : HA_TIMES.idleRound, () => this.#loop(round));
  }

  /** One CRM round on the master. False while there is nothing to manage. */
  #crmRound(): boolean {
    const { clock, quorate } = this.#cluster;
    if (!quorate) return true;
    const wanted = this.resources.size > 0 || this.#queue.length > 0 || this.maintenanceRequests.size > 0;
    if (!wanted && (this.master === undefined || ++this.#idleRounds > CRM_IDLE_ROUNDS)) return false;
    if (wanted) this.#idleRounds = 0;
    if (!this.#electMaster()) return true;
    this.masterTimestamp = clock.now();
    this.#updateNodes();
    const commands = this.#queue;
    this.#queue = [];
    for (const command of commands) this.#take(command);
    this.#crm.round();
    if (this.disarm && this.#allReleased()) this.disarm.state = 'disarmed';
    return true;
  }

  /** A dead master's lock runs out after two minutes; then another node takes over. */
  #electMaster(): boolean {
    if (this.master !== undefined) {
      if (this.#cluster.node(this.master).joined) return true;
      if (this.#cluster.clock.now() - this.masterTimestamp < HA_TIMES.lock) return false;
    }
    this.master = [...this.#cluster.nodes.values()].find((node) => node.joined)?.name;
    return this.master !== undefined;
  }

  #updateNodes(): void {
    for (const node of this.#cluster.nodes.values()) {
      const state = this.nodeStatus.get(node.name);
      const lrm = this.#lrmOf(node.name);
      if (node.joined) {
        this.offlineSince.delete(node.name);
        const maintenance =
          lrm.mode === 'maintenance' || (lrm.mode === 'disarm' && this.maintenanceRequests.has(node.name));
        this.nodeStatus.set(node.name, maintenance ? 'maintenance' : 'online');
        continue;
      }
      if (!this.offlineSince.has(node.name)) this.offlineSince.set(node.name, this.#cluster.clock.now());
      if (state === undefined || state === 'online') this.nodeStatus.set(node.name, 'unknown');
    }
  }

  #take(command: string): void {
    const [verb, first, second] = command.split(' ') as [string, string, string | undefined];
    if (verb === 'disarm-ha') {
      this.disarm ??= { mode: first === 'ignore' ? 'ignore' : 'freeze', state: 'disarming' };
      return;
    }
    if (verb === 'arm-ha') {
      this.disarm = undefined;
      return;
    }
    if (this.disarm) return this.ignore(command, 'HA is disarmed');
    if (verb === 'node-maintenance') return this.#takeMaintenance(command, first, second ?? '');
    const service = this.services.get(first);
    if (!service) return this.ignore(command, `no such service '${first}'`);
    const target = second ?? '';
    const state = this.nodeStatus.get(target);
    if (state !== 'online') {
      return this.ignore(command, `ignore service '${first}' ${verb} request - node '${target}' not online`);
    }
    if (service.node === target) return this.ignore(command, `service '${first}' already on node '${target}'`);
    service.command = { verb: verb === 'relocate' ? 'relocate' : 'migrate', target };
  }

  #takeMaintenance(command: string, action: string, node: string): void {
    if (action === 'disable') {
      this.maintenanceRequests.delete(node);
      return;
    }
    const state = this.nodeStatus.get(node);
    if (state !== 'online' && state !== 'maintenance') {
      return this.ignore(command, `ignore maintenance request for node '${node}' - not online`);
    }
    this.maintenanceRequests.add(node);
  }

  /** One round of a node's LRM. False while it is idle. */
  #lrmRound(name: string): boolean {
    const node = this.#cluster.node(name);
    const lrm = this.#lrmOf(name);
    if (!this.#cluster.isQuorate(node) || node.machine.power === 'off') return true;
    lrm.timestamp = this.#cluster.clock.now();
    this.#updateMode(name, lrm);
    if (lrm.mode === 'disarm') {
      if (!this.#workers.isWorking(name)) lrm.state = 'wait_for_agent_lock';
      return false;
    }
    const busy = this.#workers.hasWork(name);
    if (busy) lrm.idleRounds = 0;
    else lrm.idleRounds++;
    if (busy && lrm.state !== 'active') lrm.state = 'active';
    if (!busy && lrm.mode === 'maintenance') lrm.state = 'maintenance';
    if (!busy && lrm.mode !== 'maintenance' && lrm.idleRounds > LRM_IDLE_ROUNDS) lrm.state = 'wait_for_agent_lock';
    if (lrm.state === 'active') this.#workers.round(name, lrm);
    return lrm.state === 'active';
  }

  /** Restart and shutdown modes last until the node has gone; maintenance follows the CRM's request. */
  #updateMode(name: string, lrm: LrmStatus): void {
    if (this.#cluster.node(name).machine.power !== 'on') return;
    if (this.disarm) {
      lrm.mode = 'disarm';
    } else if (this.maintenanceRequests.has(name)) {
      lrm.mode = 'maintenance';
    } else if (lrm.mode === 'disarm') {
      lrm.mode = 'active';
    } else if (lrm.mode === 'maintenance') {
      lrm.mode = 'active';
      if (lrm.state === 'maintenance') lrm.state = 'wait_for_agent_lock';
    }
  }
}
