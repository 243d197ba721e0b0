import type { Machine } from '../core/machine.ts';
import type { NodeSpec } from '../site.ts';
import type { Cluster } from './cluster.ts';
import { startAll, stopAll } from './startup.ts';

/** Virtual milliseconds from a running system to an answering API, and to corosync membership. */
const API_UP_MS = 3_000;
const JOIN_MS = 6_000;
/** `(sleep 2; /sbin/reboot)&` of `POST /nodes/{node}/status`. */
const REBOOT_DELAY_MS = 2_000;
/** How long pveproxy refuses connections after `pve-manager` was configured, pmxcfs calls after `pve-cluster`. */
const PROXY_RESTART_MS = 1_000;
const PMXCFS_RESTART_MS = 2_000;

/** A cluster member: a machine plus what corosync, pmxcfs and pveproxy make of it. */
export class ClusterNode {
  readonly spec: NodeSpec;
  readonly id: number;
  readonly machine: Machine;
  /** In the corosync membership. */
  joined = true;
  /** Expected votes as this member's corosync believes. */
  expected: number;
  /** pmxcfs answers; false for moments while `pve-cluster` restarts. */
  pmxcfs = true;
  /** Aborts when this boot's life ends. */
  life = new AbortController();
  #apiUp = true;
  readonly #apiListeners = new Set<(up: boolean) => void>();

  constructor(spec: NodeSpec, id: number, machine: Machine, expected: number) {
    this.spec = spec;
    this.id = id;
    this.machine = machine;
    this.expected = expected;
  }

  get name(): string {
    return this.spec.name;
  }

  /** `node/pve-node1` */
  get subject(): string {
    return `node/${this.spec.name}`;
  }

  /** pveproxy accepts connections. */
  get apiUp(): boolean {
    return this.#apiUp;
  }

  setApi(up: boolean): void {
    if (this.#apiUp === up) return;
    this.#apiUp = up;
    for (const listener of this.#apiListeners) listener(up);
  }

  onApi(listener: (up: boolean) => void): void {
    this.#apiListeners.add(listener);
  }
}

/** Ties the machine's life to the cluster's. */
export function wireNode(cluster: Cluster, node: ClusterNode): void {
  node.machine.onPower((power) => {
    if (power === 'on') nodeUp(cluster, node);
    if (power === 'off') nodeOff(cluster, node);
  });
  node.machine.onShutdown(({ reboot }) => shutDown(cluster, node, reboot));
  node.machine.onPackageConfigured((name) => {
    if (name === 'pve-manager') restartProxy(cluster, node);
    if (name === 'pve-cluster') restartPmxcfs(cluster, node);
  });
}

/** Starts a reboot or shutdown the way the API does: two seconds later, without waiting. */
export function requestPower(cluster: Cluster, node: ClusterNode, command: 'reboot' | 'shutdown', actor: string): void {
  const boot = node.machine.bootId;
  cluster.log.record(actor, 'reboot.request', node.subject, { command });
  cluster.clock.after(REBOOT_DELAY_MS, () => {
    if (node.machine.bootId !== boot || node.machine.power !== 'on') return;
    void node.machine.shutdown({ reboot: command === 'reboot', actor });
  });
}

function nodeUp(cluster: Cluster, node: ClusterNode): void {
  const { signal } = (node.life = new AbortController());
  node.expected = cluster.configuredVotes;
  const whileAlive = (fn: () => void) => () => {
    if (!signal.aborted) fn();
  };
  cluster.clock.after(
    API_UP_MS,
    whileAlive(() => node.setApi(true)),
  );
  cluster.clock.after(
    JOIN_MS,
    whileAlive(() => {
      const { id: machine, runningKernel: kernel } = node.machine;
      if (cluster.faults.consult({ at: 'node', machine, step: 'join', kernel })?.do !== 'drop')
        joinCluster(cluster, node);
    }),
  );
}

/** Its corosync finds the others, and its guests start; a node that a fault kept from it waits until somebody calls this. */
export function joinCluster(cluster: Cluster, node: ClusterNode): void {
  node.joined = true;
  // The highest expectation goes round, and quorum never falls again by itself (votequorum(5)).
  const { expected } = cluster.votes;
  for (const member of cluster.nodes.values()) if (member.joined) member.expected = expected;
  cluster.updateQuorum();
  cluster.ha.nodeJoined(node.name);
  cluster.tasks.start(node, 'startall', '', 'root@pam', (task) => startAll(cluster, node, task, {}));
}

function nodeOff(cluster: Cluster, node: ClusterNode): void {
  node.life.abort();
  node.setApi(false);
  node.joined = false;
  node.pmxcfs = true;
  cluster.tasks.nodeDied(node.name);
  for (const guest of cluster.guestsOn(node.name)) {
    if (guest.running) guest.machine.powerCut(`${node.name} lost power`);
  }
  cluster.ha.nodeDied(node.name);
  cluster.updateQuorum();
}

async function shutDown(cluster: Cluster, node: ClusterNode, reboot: boolean): Promise<void> {
  const { signal } = node.life;
  await cluster.ha.nodeShutdown(node.name, reboot);
  if (signal.aborted) return;
  const stop = cluster.tasks.start(node, 'stopall', '', 'root@pam', (task) =>
    stopAll(cluster, node, task, { forceStop: true }),
  );
  await stop.done;
  if (signal.aborted) return;
  node.setApi(false);
  node.joined = false;
  cluster.updateQuorum();
}

function restartProxy(cluster: Cluster, node: ClusterNode): void {
  if (!node.apiUp) return;
  const { signal } = node.life;
  cluster.log.record('lab', 'proxy.restart', node.subject);
  node.setApi(false);
  cluster.clock.after(PROXY_RESTART_MS, () => {
    if (!signal.aborted) node.setApi(true);
  });
}

function restartPmxcfs(cluster: Cluster, node: ClusterNode): void {
  node.pmxcfs = false;
  cluster.clock.after(PMXCFS_RESTART_MS, () => {
    node.pmxcfs = true;
  });
}
