import type { Cluster } from './cluster.ts';

/** What the last pvestatd round saw of a guest. */
export interface GuestStat {
  readonly status: 'running' | 'stopped';
  readonly uptime: number;
}

const ROUND_MS = 10_000;

/**
 * pvestatd: every node broadcasts its guests' state about every ten seconds, so `/cluster/resources` lags behind what
 * `status/current` tells at once.
 */
export class StatusBroadcast {
  readonly #cluster: Cluster;
  readonly #guests = new Map<number, GuestStat>();
  readonly #nodes = new Set<string>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#round();
    cluster.clock.every(ROUND_MS, () => this.#round());
  }

  /** `unknown` for a guest whose node is away. */
  guest(vmid: number, node: string): GuestStat | undefined {
    return this.#cluster.node(node).joined ? this.#guests.get(vmid) : undefined;
  }

  node(name: string): 'online' | 'offline' | 'unknown' {
    if (!this.#cluster.node(name).joined) return 'offline';
    return this.#nodes.has(name) ? 'online' : 'unknown';
  }

  #round(): void {
    for (const node of this.#cluster.nodes.values()) {
      if (!node.joined) {
        this.#nodes.delete(node.name);
        continue;
      }
      this.#nodes.add(node.name);
      for (const guest of this.#cluster.guestsOn(node.name)) {
        this.#guests.set(guest.vmid, {
          status: guest.running ? 'running' : 'stopped',
          uptime: guest.running ? Math.floor((this.#cluster.clock.now() - guest.startedAt) / 1000) : 0,
        });
      }
    }
  }
}
