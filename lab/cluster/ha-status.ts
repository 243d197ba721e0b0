import type { Cluster } from './cluster.ts';
import type { ClusterNode } from './node.ts';
import { ctime } from './pvecm.ts';
import type { LrmStatus } from './ha-state.ts';

const STALE_MS = 30_000;

/** An entry of `GET /cluster/ha/status/current`. */
export type HaStatusEntry = Readonly<Record<string, string | number>>;

/** The HA manager's state in words, one entry for quorum, master, fencing, every LRM and every service. */
export function haStatus(cluster: Cluster, node: ClusterNode): HaStatusEntry[] {
  const quorate = cluster.isQuorate(node);
  const entries: HaStatusEntry[] = [
    {
      id: 'quorum',
      type: 'quorum',
      node: node.name,
      status: quorate ? 'OK' : 'No quorum on node!',
      quorate: quorate ? 1 : 0,
    },
  ];
  const { ha } = cluster;
  if (ha.master === undefined) return entries;
  const masterState = stale(cluster, ha.masterTimestamp)
    ? 'old timestamp - dead?'
    : ha.resources.size > 0
      ? 'active'
      : 'idle';
  entries.push(
    {
      id: 'master',
      type: 'master',
      node: ha.master,
      status: `${ha.master} (${masterState}, ${ctime(ha.masterTimestamp)})`,
      timestamp: seconds(ha.masterTimestamp),
    },
    {
      id: 'fencing',
      type: 'fencing',
      node: ha.master,
      status: armedState(cluster),
      'armed-state': armedState(cluster),
      ...(ha.disarm ? { resource_mode: ha.disarm.mode } : {}),
    },
  );
  for (const [name, lrm] of ha.lrm) {
    entries.push({
      id: `lrm:${name}`,
      type: 'lrm',
      node: name,
      status: `${name} (${lrmWord(cluster, lrm)}, watchdog ${lrm.state === 'active' ? 'active' : 'standby'}, ${ctime(lrm.timestamp)})`,
      timestamp: seconds(lrm.timestamp),
    });
  }
  return [...entries, ...services(cluster)];
}

function armedState({ ha }: Cluster): string {
  if (ha.disarm) return ha.disarm.state;
  return ha.services.size > 0 ? 'armed' : 'standby';
}

function services(cluster: Cluster): HaStatusEntry[] {
  return [...cluster.ha.resources.values()].map((resource) => {
    const service = cluster.ha.services.get(resource.sid);
    const node = service?.node ?? cluster.guests.get(resource.vmid)?.node ?? '';
    const state = service
      ? shownState(cluster, service.state, resource.vmid)
      : resource.state === 'ignored'
        ? 'ignored'
        : 'queued';
    return {
      id: `service:${resource.sid}`,
      type: 'service',
      sid: resource.sid,
      node,
      ...(service ? { crm_state: service.state } : {}),
      request_state: resource.state,
      state,
      status: `${resource.sid} (${node}, ${state})`,
      max_restart: resource.maxRestart,
      max_relocate: resource.maxRelocate,
      failback: resource.failback ? 1 : 0,
    };
  });
}

/** A service the CRM wants started shows as `starting` until its LRM has done so. */
function shownState(cluster: Cluster, state: string, vmid: number): string {
  if (state === 'started' && !cluster.guests.get(vmid)?.running) return 'starting';
  if (state === 'request_stop') return 'stopping';
  return state;
}

function lrmWord(cluster: Cluster, lrm: LrmStatus): string {
  if (stale(cluster, lrm.timestamp)) return 'old timestamp - dead?';
  if (lrm.mode === 'maintenance') return 'maintenance mode';
  if (lrm.mode !== 'active') return `${lrm.mode} mode`;
  return lrm.state === 'active' ? 'active' : 'idle';
}

/** `GET /cluster/ha/status/manager_status`: the CRM's own file. Empty before HA was ever used. */
export function managerStatus(cluster: Cluster, node: ClusterNode): Record<string, unknown> {
  const { ha } = cluster;
  const lrmStatus = Object.fromEntries(
    [...ha.lrm].map(([name, { mode, state, timestamp, results }]) => [
      name,
      {
        mode,
        state,
        timestamp: seconds(timestamp),
        results: Object.fromEntries(
          Object.entries(results).map(([uid, { sid, ok }]) => [uid, { sid, exit_code: ok ? 0 : 1, state: 'started' }]),
        ),
      },
    ]),
  );
  const quorum = { node: node.name, quorate: cluster.isQuorate(node) ? '1' : '0' };
  if (ha.master === undefined) return { manager_status: {}, quorum, lrm_status: lrmStatus };
  const serviceStatus = Object.fromEntries(
    [...ha.services].map(([sid, service]) => [
      sid,
      {
        node: service.node,
        state: service.state,
        uid: service.uid,
        ...(service.state === 'started' ? { running: 1 } : {}),
        ...(service.target ? { target: service.target } : {}),
        ...(service.maintenanceNode ? { maintenance_node: service.maintenanceNode } : {}),
      },
    ]),
  );
  return {
    manager_status: {
      master_node: ha.master,
      timestamp: seconds(ha.masterTimestamp),
      node_status: Object.fromEntries(ha.nodeStatus),
      node_request: Object.fromEntries([...ha.maintenanceRequests].map((name) => [name, { maintenance: 1 }])),
      service_status: serviceStatus,
      ...(ha.disarm ? { disarm: { mode: ha.disarm.mode, state: ha.disarm.state } } : {}),
    },
    quorum,
    lrm_status: lrmStatus,
  };
}

/** `ha-manager status`: a line an entry. */
export function haStatusLines(cluster: Cluster, node: ClusterNode): string[] {
  return haStatus(cluster, node)
    .filter((entry) => entry['type'] !== 'fencing')
    .map((entry) => `${entry['type']} ${entry['status']}`);
}

function stale(cluster: Cluster, timestamp: number): boolean {
  return cluster.clock.now() - timestamp > STALE_MS;
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
