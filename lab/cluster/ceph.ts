import type { CommandCall } from '../core/machine.ts';
import type { Cluster } from './cluster.ts';
import { dieError } from './errors.ts';
import type { ClusterNode } from './node.ts';

/** How long the placement groups of a node that has come back take to catch up, virtual milliseconds. */
const RECOVERY_MS = 60_000;
const PLACEMENT_GROUPS = 128;

interface HealthCheck {
  readonly severity: 'HEALTH_WARN' | 'HEALTH_ERR';
  readonly message: string;
}

/** Hyper-converged Ceph with three replicas: as little as a client looks at before and after a reboot. */
export class Ceph {
  /** Hosts with the flag `noout`. */
  readonly noout = new Set<string>();
  /** Checks that a test puts in, by name. */
  readonly checks = new Map<string, HealthCheck>();
  readonly #cluster: Cluster;
  readonly #recoveringUntil = new Map<string, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    for (const node of cluster.nodes.values()) {
      node.machine.onPower((power) => {
        if (power === 'on') this.#recoveringUntil.set(node.name, cluster.clock.now() + RECOVERY_MS);
      });
    }
  }

  osdsOf(host: string): readonly number[] {
    return this.#cluster.site.ceph?.osds[host] ?? [];
  }

  /** `GET /nodes/{node}/ceph/status` is what `ceph status --format json` prints. */
  status(): Record<string, unknown> {
    const checks = this.#health();
    const degraded = this.#away().length > 0 || this.#recovering();
    const worst = [...checks.values()].some(({ severity }) => severity === 'HEALTH_ERR') ? 'HEALTH_ERR' : 'HEALTH_WARN';
    return {
      health: {
        status: checks.size === 0 ? 'HEALTH_OK' : worst,
        checks: Object.fromEntries(
          [...checks].map(([name, { severity, message }]) => [
            name,
            { severity, summary: { message, count: 1 }, muted: false },
          ]),
        ),
        mutes: [],
      },
      quorum_names: this.#monitors().filter((name) => this.#cluster.node(name).joined),
      pgmap: {
        num_pgs: PLACEMENT_GROUPS,
        pgs_by_state: degraded
          ? [
              { state_name: 'active+clean', count: PLACEMENT_GROUPS / 2 },
              { state_name: 'active+undersized+degraded', count: PLACEMENT_GROUPS / 2 },
            ]
          : [{ state_name: 'active+clean', count: PLACEMENT_GROUPS }],
      },
    };
  }

  /** ceph(8), the commands around a reboot. */
  command(call: CommandCall): number {
    const [area, verb, ...rest] = call.args;
    if (area === 'osd' && verb === 'ls-tree') {
      const osds = this.osdsOf(rest[0] ?? '');
      if (osds.length === 0) return fail(call, 2, `Error ENOENT: '${rest[0]}' does not exist`);
      call.out(osds.map((id) => `${id}\n`).join(''));
      return 0;
    }
    if (area === 'osd' && verb === 'dump') {
      const flags = Object.fromEntries([...this.noout].map((host) => [host, ['noout']]));
      call.out(`${JSON.stringify({ flags: '', crush_node_flags: flags })}\n`);
      return 0;
    }
    if (area === 'osd' && (verb === 'add-noout' || verb === 'rm-noout') && rest[0] !== undefined) {
      if (verb === 'add-noout') this.noout.add(rest[0]);
      else this.noout.delete(rest[0]);
      this.#cluster.log.record(call.actor, 'ceph.flag', 'cluster', { verb, host: rest[0] });
      return 0;
    }
    if (verb === 'ok-to-stop' && (area === 'osd' || area === 'mon')) {
      const safe = this.#away().length === 0 && !this.#recovering();
      return safe ? 0 : fail(call, 16, `Error EBUSY: unsafe to stop ${area}(s) at this time`);
    }
    return fail(call, 22, 'Error EINVAL: invalid command');
  }

  #monitors(): readonly string[] {
    return this.#cluster.site.ceph?.monitors ?? [];
  }

  #away(): string[] {
    return [...this.#cluster.nodes.values()]
      .filter((node) => !node.joined && this.osdsOf(node.name).length > 0)
      .map(({ name }) => name);
  }

  #recovering(): boolean {
    return [...this.#recoveringUntil.values()].some((until) => until > this.#cluster.clock.now());
  }

  #health(): Map<string, HealthCheck> {
    const checks = new Map(this.checks);
    const warn = (name: string, message: string) => checks.set(name, { severity: 'HEALTH_WARN', message });
    const away = this.#away();
    if (away.length > 0) warn('OSD_DOWN', `${away.flatMap((host) => this.osdsOf(host)).length} osds down`);
    if (away.length > 0 || this.#recovering()) warn('PG_DEGRADED', 'Degraded data redundancy: 64 pgs degraded');
    if (this.noout.size > 0) {
      warn(
        'OSD_FLAGS',
        `${this.noout.size} OSDs or CRUSH {nodes, device-classes} have {NOUP,NODOWN,NOIN,NOOUT} flags set`,
      );
    }
    return checks;
  }
}

/** @throws PveError 500 where Ceph is not installed */
export function cephOf(cluster: Cluster, node: ClusterNode): Ceph {
  if (!cluster.ceph) throw dieError('binary not installed: /usr/bin/ceph-mon');
  if (!node.joined) throw dieError('got timeout');
  return cluster.ceph;
}

function fail(call: CommandCall, code: number, message: string): number {
  call.err(`${message}\n`);
  return code;
}
