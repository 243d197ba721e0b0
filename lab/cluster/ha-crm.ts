import type { Cluster } from './cluster.ts';
import type { HaManager } from './ha-manager.ts';
import { companionsAt, haBlockers } from './ha-rules.ts';
import { HA_TIMES } from './ha-state.ts';
import type { HaResource, ServiceState, ServiceStatus } from './ha-state.ts';

/** The CRM's service table and the state machine each line goes through, one step a round (pve-ha-manager Manager.pm). */
export class CrmServices {
  readonly #cluster: Cluster;
  readonly #ha: HaManager;
  #uid = 0;

  constructor(cluster: Cluster, ha: HaManager) {
    this.#cluster = cluster;
    this.#ha = ha;
  }

  /** Enters a configured service in the table, in the state it is found in. */
  adopt(resource: HaResource): void {
    const guest = this.#cluster.guests.get(resource.vmid);
    if (!guest) return;
    const state: ServiceState = resource.state === 'started' ? 'started' : 'request_stop';
    this.#ha.services.set(resource.sid, { node: guest.node, state, uid: this.#newUid() });
  }

  round(): void {
    for (const resource of this.#ha.resources.values()) {
      if (!this.#ha.services.has(resource.sid) && resource.state !== 'ignored') this.adopt(resource);
    }
    for (const [sid, service] of this.#ha.services) {
      const resource = this.#ha.resources.get(sid);
      if (!resource || resource.state === 'ignored') this.#ha.services.delete(sid);
      else this.#step(resource, service);
    }
  }

  #step(resource: HaResource, service: ServiceStatus): void {
    // A move under way comes to its end first.
    if (this.#ha.disarm && service.state !== 'migrate' && service.state !== 'relocate') {
      if (service.state !== 'freeze') this.#change(service, 'freeze');
      return;
    }
    switch (service.state) {
      case 'request_start':
        return this.#change(service, 'started');
      case 'started':
        return this.#started(resource, service);
      case 'request_stop':
        return this.#requestStop(resource, service);
      case 'stopped':
        return this.#stopped(resource, service);
      case 'migrate':
      case 'relocate':
        return this.#moving(service);
      case 'freeze':
        return this.#frozen(service);
      case 'fence':
        return this.#fencing(resource, service);
      case 'recovery':
        return this.#recover(resource, service);
      case 'error':
        if (resource.state === 'disabled') this.#change(service, 'request_stop');
    }
  }

  #started(resource: HaResource, service: ServiceStatus): void {
    const { node } = service;
    if (this.#offlineTooLong(node)) {
      if (!this.#isFrozenAway(node)) this.#ha.nodeStatus.set(node, 'fence');
      return this.#change(service, this.#isFrozenAway(node) ? 'freeze' : 'fence');
    }
    if (this.#isFrozenAway(node)) return this.#change(service, 'freeze');
    if (!this.#cluster.node(node).joined) return;
    if (resource.state !== 'started') return this.#change(service, 'request_stop');
    const { command } = service;
    if (command) {
      delete service.command;
      return this.#move(service, command.verb, command.target);
    }
    if (this.#ha.nodeStatus.get(node) === 'maintenance') return this.#leaveForMaintenance(resource.sid, service);
    const home = service.maintenanceNode;
    if (!home || this.#ha.nodeStatus.get(home) !== 'online') return;
    this.#cluster.log.record('crm', 'ha.moveback', 'cluster', {
      message: `moving service '${resource.sid}' back to '${home}', node came back from maintenance.`,
    });
    this.#move(service, 'migrate', home);
  }

  /** With nowhere to go the service stays and the maintenance waits. */
  #leaveForMaintenance(sid: string, service: ServiceStatus): void {
    const target = this.#bestNode(service.node, sid);
    if (!target) return;
    service.maintenanceNode ??= service.node;
    this.#move(service, 'migrate', target);
  }

  #requestStop(resource: HaResource, service: ServiceStatus): void {
    if (!this.#result(service)) return;
    this.#change(service, 'stopped');
    this.#stopped(resource, service);
  }

  #stopped(resource: HaResource, service: ServiceStatus): void {
    if (resource.state === 'started') this.#change(service, 'request_start');
    else if (service.command) {
      const { target } = service.command;
      delete service.command;
      this.#move(service, 'relocate', target);
    }
  }

  #moving(service: ServiceStatus): void {
    if (!this.#cluster.node(service.node).joined) {
      if (this.#offlineTooLong(service.node)) this.#change(service, 'fence');
      return;
    }
    const result = this.#result(service);
    if (!result) return;
    const { target } = service;
    if (result.ok && target) {
      service.node = target;
      if (service.maintenanceNode === target) delete service.maintenanceNode;
    }
    this.#change(service, 'started');
  }

  #frozen(service: ServiceStatus): void {
    const lrm = this.#ha.lrm.get(service.node);
    if (this.#cluster.node(service.node).joined && lrm?.mode === 'active') this.#change(service, 'started');
  }

  /** Fencing succeeds once the node's agent lock has run out: nothing of it can be running any more. */
  #fencing(resource: HaResource, service: ServiceStatus): void {
    const lrm = this.#ha.lrm.get(service.node);
    const released = lrm?.state === 'wait_for_agent_lock';
    const expired = this.#cluster.clock.now() - (lrm?.timestamp ?? 0) > HA_TIMES.lock;
    if (!released && !expired && !this.#cluster.node(service.node).joined) return;
    if (this.#ha.nodeStatus.get(service.node) === 'fence') this.#ha.nodeStatus.set(service.node, 'unknown');
    this.#cluster.log.record('crm', 'ha.fenced', `node/${service.node}`, { sid: resource.sid });
    this.#change(service, 'recovery');
    this.#recover(resource, service);
  }

  #recover(resource: HaResource, service: ServiceStatus): void {
    const target =
      this.#bestNode(service.node, resource.sid) ?? (this.#isUsable(service.node) ? service.node : undefined);
    const guest = this.#cluster.guests.get(resource.vmid);
    if (!target || !guest) return;
    if (guest.lock === 'backup') guest.lock = undefined;
    const from = guest.node;
    guest.node = target;
    service.node = target;
    this.#cluster.log.record('crm', 'ha.recovered', guest.id, { from, to: target });
    this.#change(service, resource.state === 'started' ? 'started' : 'request_stop');
  }

  #move(service: ServiceStatus, verb: 'migrate' | 'relocate', target: string): void {
    this.#change(service, verb);
    service.target = target;
  }

  #change(service: ServiceStatus, state: ServiceState): void {
    service.state = state;
    service.uid = this.#newUid();
    delete service.target;
  }

  #newUid(): string {
    return `uid${String(++this.#uid).padStart(6, '0')}`;
  }

  #result(service: ServiceStatus): { readonly ok: boolean } | undefined {
    return this.#ha.lrm.get(service.node)?.results[service.uid];
  }

  #offlineTooLong(node: string): boolean {
    const since = this.#ha.offlineSince.get(node);
    return since !== undefined && this.#cluster.clock.now() - since >= HA_TIMES.fenceDelay;
  }

  /** An announced reboot: its services stay frozen where they are until the node is back. */
  #isFrozenAway(node: string): boolean {
    return this.#ha.lrm.get(node)?.mode === 'restart';
  }

  #isUsable(node: string): boolean {
    return this.#cluster.node(node).joined && this.#ha.nodeStatus.get(node) === 'online';
  }

  /** The online node with the fewest services that no rule forbids, other than `except`. */
  #bestNode(except: string, sid: string): string | undefined {
    const load = (node: string) => [...this.#ha.services.values()].filter((service) => service.node === node).length;
    return [...this.#cluster.nodes.keys()]
      .filter((node) => node !== except && this.#isUsable(node) && haBlockers(this.#cluster, sid, node).length === 0)
      .filter((node, _, usable) => {
        const companions = companionsAt(this.#cluster, sid);
        return companions === undefined || !usable.includes(companions) || node === companions;
      })
      .sort((a, b) => load(a) - load(b) || a.localeCompare(b))[0];
  }
}
