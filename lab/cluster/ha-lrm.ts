import type { Cluster } from './cluster.ts';
import type { Guest } from './guests.ts';
import type { HaManager } from './ha-manager.ts';
import type { LrmStatus, ServiceStatus } from './ha-state.ts';
import type { Task } from './tasks.ts';

/** Seconds an HA service may take to shut down before it is cut off. */
const STOP_TIMEOUT = 180;

/** What the local resource managers do: bring services into the state the CRM wrote, by ordinary worker tasks. */
export class LrmWorkers {
  readonly #cluster: Cluster;
  readonly #ha: HaManager;
  /** Running worker by service uid. */
  readonly #running = new Map<string, string>();
  /** Ended since the last round, to be published in the next. */
  readonly #ended = new Map<string, { readonly node: string; readonly sid: string; readonly ok: boolean }>();

  constructor(cluster: Cluster, ha: HaManager) {
    this.#cluster = cluster;
    this.#ha = ha;
  }

  /** Whether a node has services its LRM must hold the lock for. */
  hasWork(node: string): boolean {
    return [...this.#ha.services.values()].some(
      (service) => service.node === node && service.state !== 'stopped' && service.state !== 'error',
    );
  }

  /** Whether a worker runs or its result is still to be published. */
  isWorking(node: string): boolean {
    return [...this.#running.values()].includes(node);
  }

  forget(node: string): void {
    for (const [uid, host] of this.#running) if (host === node) this.#running.delete(uid);
    for (const [uid, result] of this.#ended) if (result.node === node) this.#ended.delete(uid);
  }

  round(node: string, lrm: LrmStatus): void {
    const current = new Set([...this.#ha.services.values()].map((service) => service.uid));
    lrm.results = Object.fromEntries(Object.entries(lrm.results).filter(([uid]) => current.has(uid)));
    for (const [uid, { node: host, sid, ok }] of this.#ended) {
      if (host !== node) continue;
      lrm.results[uid] = { sid, ok };
      this.#ended.delete(uid);
    }
    for (const [sid, service] of this.#ha.services) {
      const guest = this.#guest(sid);
      if (guest && service.node === node && !this.#running.has(service.uid)) this.#act(sid, service, guest, lrm);
    }
  }

  /** Stops every HA guest of a node that shuts down. */
  async stopAll(node: string): Promise<void> {
    const guests = [...this.#ha.services]
      .filter(([, service]) => service.node === node)
      .map(([sid]) => this.#guest(sid));
    await Promise.all(
      guests.map(async (guest) => {
        if (guest?.running && guest.node === node) await this.#shutdown(guest).done;
      }),
    );
  }

  #guest(sid: string): Guest | undefined {
    const resource = this.#ha.resources.get(sid);
    return resource && this.#cluster.guests.get(resource.vmid);
  }

  #act(sid: string, service: ServiceStatus, guest: Guest, lrm: LrmStatus): void {
    const leaving = lrm.mode === 'restart' || lrm.mode === 'shutdown';
    if (lrm.results[service.uid] && service.state !== 'started') return;
    if (service.state === 'started' && !leaving && guest.node === service.node && !guest.running) {
      this.#track(sid, service, this.#cluster.startGuestTask(guest, 'root@pam'));
    }
    if (service.state === 'request_stop') {
      if (guest.running) this.#track(sid, service, this.#shutdown(guest));
      else this.#publish(service, sid, true);
    }
    if (service.state === 'migrate' || service.state === 'relocate') this.#migrate(sid, service, guest);
  }

  #shutdown(guest: Guest): Task {
    return this.#cluster.shutdownGuestTask(guest, 'root@pam', { timeout: STOP_TIMEOUT, forceStop: true });
  }

  /** VMs move live, containers by restart; `relocate` stops first and leaves the start to the target's LRM. */
  #migrate(sid: string, service: ServiceStatus, guest: Guest): void {
    const { target } = service;
    if (!target) return;
    if (guest.node === target) return this.#publish(service, sid, true);
    if (service.state === 'relocate' && guest.running) {
      const { uid, node } = service;
      this.#running.set(uid, node);
      void this.#shutdown(guest).done.then(() => {
        if (this.#running.get(uid) === node) this.#running.delete(uid);
      });
      return;
    }
    try {
      const task = this.#cluster.migrateGuestTask(guest, 'root@pam', {
        target,
        withLocalDisks: true,
        ...(guest.spec.kind === 'lxc' ? { restart: true } : { online: true }),
      });
      this.#track(sid, service, task);
    } catch (error) {
      this.#cluster.log.record(`lrm:${service.node}`, 'ha.error', guest.id, { message: String(error) });
      this.#publish(service, sid, false);
    }
  }

  #track(sid: string, service: ServiceStatus, task: Task): void {
    const { uid, node } = service;
    this.#running.set(uid, node);
    void task.done.then(() => {
      if (this.#running.get(uid) !== node) return;
      this.#running.delete(uid);
      this.#ended.set(uid, { node, sid, ok: task.exitStatus === 'OK' });
    });
  }

  #publish(service: ServiceStatus, sid: string, ok: boolean): void {
    this.#ended.set(service.uid, { node: service.node, sid, ok });
  }
}
