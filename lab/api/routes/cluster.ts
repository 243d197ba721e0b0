import { backupJobEntry, setBackupJob } from '../../cluster/backup-jobs.ts';
import { flag, optionalText, SPEC, text } from '../parameters.ts';
import { actor, may } from '../route.ts';
import type { Call, Route } from '../route.ts';
import { listEntry } from './task-format.ts';
import { nodeSummary } from './node-format.ts';
import { guestResource } from './guest-format.ts';
import { qdeviceVotes } from '../../cluster/quorum.ts';

const AUDIT_ROOT = { path: '/', privileges: ['Sys.Audit'] } as const;
const HA_OPTION = /^shutdown_policy=(freeze|failover|conditional|migrate)$/;

/** `/cluster`, except HA. */
export const CLUSTER_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/cluster/status', parameters: {}, permission: AUDIT_ROOT, run: clusterStatus },
  {
    method: 'GET',
    path: '/cluster/resources',
    parameters: { type: { type: 'string', optional: true, enum: ['vm', 'storage', 'node', 'sdn'] } },
    permission: 'user',
    run: resources,
  },
  { method: 'GET', path: '/cluster/tasks', parameters: {}, permission: 'user', run: recentTasks },
  {
    method: 'GET',
    path: '/cluster/options',
    parameters: {},
    permission: AUDIT_ROOT,
    run: ({ cluster }) => ({ ha: { shutdown_policy: cluster.shutdownPolicy }, keyboard: 'en-us', 'allowed-tags': [] }),
  },
  {
    method: 'PUT',
    path: '/cluster/options',
    parameters: { ha: { type: 'string', pattern: HA_OPTION } },
    permission: { path: '/', privileges: ['Sys.Modify'] },
    run: setOptions,
  },
  {
    method: 'GET',
    path: '/cluster/config/nodes',
    parameters: {},
    permission: AUDIT_ROOT,
    run: ({ cluster }) =>
      [...cluster.nodes.values()].map((node) => ({
        node: node.name,
        name: node.name,
        nodeid: String(node.id),
        quorum_votes: String(node.spec.votes),
        ring0_addr: node.spec.address,
      })),
  },
  { method: 'GET', path: '/cluster/config/qdevice', parameters: {}, permission: AUDIT_ROOT, run: qdevice },
  {
    method: 'GET',
    path: '/cluster/backup',
    parameters: {},
    permission: AUDIT_ROOT,
    run: ({ cluster }) => cluster.backupJobs.map(backupJobEntry),
  },
  {
    method: 'PUT',
    path: '/cluster/backup/{id}',
    parameters: { id: { type: 'string', pattern: /^\S+$/ }, enabled: SPEC.flag },
    permission: { path: '/', privileges: ['Sys.Modify'] },
    run: (call) => {
      const enabled = flag(call.parameters, 'enabled', true);
      setBackupJob(call.cluster, text(call.parameters, 'id'), enabled, actor(call));
      return null;
    },
  },
  { method: 'GET', path: '/cluster/replication', parameters: {}, permission: 'user', run: replicationJobs },
];

function clusterStatus({ cluster, node: self }: Call): unknown {
  const members = [...cluster.nodes.values()].map((node) => ({
    type: 'node',
    id: `node/${node.name}`,
    name: node.name,
    nodeid: node.id,
    ip: node.spec.address,
    online: node === self || (self.joined && node.joined) ? 1 : 0,
    local: node === self ? 1 : 0,
    level: '',
  }));
  if (cluster.nodes.size === 1) return members.map((member) => ({ ...member, nodeid: 0 }));
  const summary = {
    type: 'cluster',
    id: 'cluster',
    name: cluster.site.cluster,
    nodes: cluster.nodes.size,
    version: cluster.nodes.size,
    quorate: cluster.isQuorate(self) ? 1 : 0,
  };
  return [summary, ...members];
}

function resources(call: Call): unknown {
  const { cluster, parameters } = call;
  const type = optionalText(parameters, 'type');
  const wants = (name: string) => type === undefined || type === name;
  const guests = wants('vm') ? [...cluster.guests.values()] : [];
  const nodes = wants('node') ? [...cluster.nodes.values()] : [];
  const storages = wants('storage') ? [...cluster.nodes.values()] : [];
  return [
    ...guests
      .filter((guest) => may(call, `/vms/${guest.vmid}`, 'VM.Audit'))
      .map((guest) => guestResource(cluster, guest)),
    ...nodes
      .filter((node) => may(call, `/nodes/${node.name}`, 'Sys.Audit'))
      .map((node) => ({
        ...nodeSummary(cluster, node),
        'cgroup-mode': 2,
        ...(cluster.ha.nodeStatus.has(node.name) ? { hastate: cluster.ha.nodeStatus.get(node.name) } : {}),
      })),
    ...storages.flatMap((node) =>
      cluster
        .storagesOf(node.name)
        .filter((storage) => may(call, `/storage/${storage.id}`, 'Datastore.Audit', 'Datastore.AllocateSpace'))
        .map((storage) => ({
          id: `storage/${node.name}/${storage.id}`,
          type: 'storage',
          storage: storage.id,
          node: node.name,
          plugintype: storage.type,
          status:
            cluster.stats.node(node.name) === 'online' && !storage.inactiveOn?.includes(node.name)
              ? 'available'
              : 'unknown',
          shared: storage.shared ? 1 : 0,
          content: storage.content,
          disk: storage.used,
          maxdisk: storage.total,
        })),
    ),
  ];
}

/** The last tasks every node has broadcast. */
function recentTasks(call: Call): unknown {
  return [...call.cluster.tasks.all]
    .reverse()
    .filter((task) => may(call, `/nodes/${task.node}`, 'Sys.Audit'))
    .slice(0, 25 * call.cluster.nodes.size)
    .map((task) => listEntry(task));
}

function setOptions({ cluster, parameters }: Call): null {
  cluster.assertWritable();
  const policy = HA_OPTION.exec(String(parameters['ha']))?.[1];
  if (policy === 'freeze' || policy === 'failover' || policy === 'conditional' || policy === 'migrate') {
    cluster.shutdownPolicy = policy;
  }
  return null;
}

function qdevice({ cluster, node }: Call): unknown {
  if (!cluster.site.qdevice) return {};
  return {
    Algorithm: qdeviceVotes(cluster.nodes.size) === 1 ? 'Fifty-Fifty split' : 'LMS',
    'Echo reply': cluster.qdeviceConnected ? 'reply received' : 'waiting for reply',
    'HB interval': '8000ms',
    'Last poll call': new Date(cluster.clock.now()).toISOString().slice(0, 19),
    Model: 'Net',
    'Node ID': String(node.id),
    'QNetd host': '192.168.10.164:5403',
    State: cluster.qdeviceConnected ? 'Connected' : 'Connecting',
    'TLS active': 'Yes (client certificate sent)',
    'Tie-breaker': 'Node with lowest node ID',
  };
}

function replicationJobs(call: Call): unknown {
  const { cluster } = call;
  return cluster.replication
    .filter((job) => may(call, `/vms/${job.guest}`, 'VM.Audit'))
    .map((job) => ({
      id: job.id,
      type: 'local',
      guest: job.guest,
      jobnum: 0,
      source: cluster.guests.get(job.guest)?.node,
      target: job.target,
      schedule: job.schedule,
    }));
}
