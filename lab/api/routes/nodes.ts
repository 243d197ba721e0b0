import { createHash } from 'node:crypto';
import { cephOf } from '../../cluster/ceph.ts';
import { managerVersion, versionOf } from '../../cluster/commands.ts';
import { requestPower } from '../../cluster/node.ts';
import { startAll, stopAll } from '../../cluster/startup.ts';
import { sendMagicPacket } from '../../cluster/wake.ts';
import { dieError, parameterError } from '../../cluster/errors.ts';
import { GiB } from '../../site.ts';
import { flag, number, optionalText, SPEC, text } from '../parameters.ts';
import { actor, assertPermission, caller, may, seconds, vmidList } from '../route.ts';
import type { Call, Route } from '../route.ts';
import { memoryUsed, nodeSummary, SERVICES, uptime } from './node-format.ts';

const AUDIT_NODE = { path: '/nodes/{node}', privileges: ['Sys.Audit'] } as const;
const AUDIT_ROOT = { path: '/', privileges: ['Sys.Audit'] } as const;
/** What a node's settings can hold, as far as the lab knows them. */
const NODE_PROPERTIES = ['all', 'description', 'startall-onboot-delay', 'wakeonlan'] as const;
const JOB_ID = { type: 'string', pattern: /^[1-9]\d{2,8}-\d{1,9}$/ } as const;

/** `/nodes` and what concerns a node as a whole. */
export const NODE_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/nodes',
    parameters: {},
    permission: 'user',
    run: ({ cluster, fingerprints }) =>
      [...cluster.nodes.values()].map((node) => ({
        ...nodeSummary(cluster, node),
        ssl_fingerprint: fingerprints.get(node.name),
      })),
  },
  { method: 'GET', path: '/nodes/{node}/status', parameters: { node: SPEC.node }, permission: AUDIT_NODE, run: status },
  {
    method: 'POST',
    path: '/nodes/{node}/status',
    parameters: { node: SPEC.node, command: { type: 'string', enum: ['reboot', 'shutdown'] } },
    permission: { path: '/nodes/{node}', privileges: ['Sys.PowerMgmt'] },
    run: (call) => {
      requestPower(
        call.cluster,
        call.node,
        text(call.parameters, 'command') === 'reboot' ? 'reboot' : 'shutdown',
        actor(call),
      );
      return null;
    },
  },
  {
    method: 'POST',
    path: '/nodes/{node}/wakeonlan',
    parameters: { node: SPEC.node },
    permission: { path: '/nodes/{node}', privileges: ['Sys.PowerMgmt'] },
    proxied: false,
    run: wake,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/config',
    parameters: { node: SPEC.node, property: { type: 'string', optional: true, enum: NODE_PROPERTIES } },
    permission: AUDIT_ROOT,
    run: config,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/version',
    parameters: { node: SPEC.node },
    permission: 'user',
    run: ({ node }) => versionOf(node),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/subscription',
    parameters: { node: SPEC.node },
    permission: 'user',
    run: ({ node }) =>
      node.spec.troubles?.enterprise === 'active'
        ? { status: 'active', productname: 'Proxmox VE Community Subscription 2 CPUs/year', level: 'c', sockets: 2 }
        : {
            status: 'notfound',
            message: 'There is no subscription key',
            url: 'https://www.proxmox.com/proxmox-ve/pricing',
          },
  },
  {
    method: 'GET',
    path: '/nodes/{node}/time',
    parameters: { node: SPEC.node },
    permission: AUDIT_NODE,
    run: ({ cluster }) => {
      const time = seconds(cluster.clock.now());
      return { time, localtime: time, timezone: 'UTC' };
    },
  },
  {
    method: 'GET',
    path: '/nodes/{node}/services',
    parameters: { node: SPEC.node },
    permission: AUDIT_NODE,
    run: services,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/certificates/info',
    parameters: { node: SPEC.node },
    permission: 'user',
    run: ({ fingerprints, node }) => [
      { filename: 'pve-ssl.pem', fingerprint: fingerprints.get(node.name), subject: `/CN=${node.name}.lab` },
    ],
  },
  {
    method: 'GET',
    path: '/nodes/{node}/replication',
    parameters: { node: SPEC.node, guest: { ...SPEC.vmid, optional: true } },
    permission: 'user',
    run: replication,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/replication/{id}/status',
    parameters: { node: SPEC.node, id: JOB_ID },
    permission: 'user',
    run: (call) => replicationEntry(call, jobOf(call)),
  },
  {
    method: 'POST',
    path: '/nodes/{node}/replication/{id}/schedule_now',
    parameters: { node: SPEC.node, id: JOB_ID },
    permission: 'user',
    run: scheduleNow,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/ceph/status',
    parameters: { node: SPEC.node },
    permission: { path: '/', privileges: ['Sys.Audit', 'Datastore.Audit'], any: true },
    run: ({ cluster, node }) => cephOf(cluster, node).status(),
  },
  {
    method: 'POST',
    path: '/nodes/{node}/startall',
    parameters: { node: SPEC.node, force: SPEC.flag, vms: SPEC.text, 'max-workers': SPEC.count },
    permission: 'user',
    run: (call) => {
      const vms = bulkList(call);
      const force = flag(call.parameters, 'force');
      const { cluster, node } = call;
      return cluster.tasks.start(node, 'startall', '', caller(call), (task) =>
        startAll(cluster, node, task, { force, ...(vms ? { vms } : {}) }),
      ).upid;
    },
  },
  {
    method: 'POST',
    path: '/nodes/{node}/stopall',
    parameters: {
      node: SPEC.node,
      timeout: SPEC.count,
      'force-stop': SPEC.flag,
      vms: SPEC.text,
      'max-workers': SPEC.count,
    },
    permission: 'user',
    run: (call) => {
      const vms = bulkList(call);
      const options = {
        timeout: number(call.parameters, 'timeout', 180),
        forceStop: flag(call.parameters, 'force-stop', true),
      };
      const { cluster, node } = call;
      return cluster.tasks.start(node, 'stopall', '', caller(call), (task) =>
        stopAll(cluster, node, task, { ...options, ...(vms ? { vms } : {}) }),
      ).upid;
    },
  },
  {
    method: 'POST',
    path: '/nodes/{node}/vzdump',
    parameters: {
      node: SPEC.node,
      vmid: SPEC.text,
      all: SPEC.flag,
      storage: SPEC.text,
      mode: { type: 'string', optional: true, enum: ['snapshot', 'suspend', 'stop'] },
    },
    permission: 'user',
    run: backup,
  },
];

function status({ cluster, node }: Call): unknown {
  const { machine, spec } = node;
  const used = memoryUsed(cluster, node);
  const release = machine.runningKernel;
  const build = '#1 SMP PREEMPT_DYNAMIC PMX';
  return {
    uptime: uptime(cluster, node),
    loadavg: ['0.42', '0.38', '0.35'],
    kversion: `Linux ${release} ${build}`,
    'current-kernel': { sysname: 'Linux', release, version: build, machine: 'x86_64' },
    'boot-info': { mode: 'efi', secureboot: 0 },
    cpuinfo: {
      cores: spec.cpus / 2,
      cpus: spec.cpus,
      sockets: 2,
      model: spec.cpuModel ?? 'Intel(R) Xeon(R) CPU E5-2630L 0 @ 2.00GHz',
      mhz: '2000.000',
      hvm: '1',
      flags: 'vmx',
      user_hz: 100,
    },
    cpu: 0.04,
    wait: 0,
    idle: 0,
    memory: { total: spec.memory, used, free: spec.memory - used, available: spec.memory - used },
    swap: { total: 8 * GiB, used: 0, free: 8 * GiB },
    ksm: { shared: 0 },
    rootfs: { total: 100 * GiB, used: 22 * GiB, free: 78 * GiB, avail: 78 * GiB },
    pveversion: managerVersion(node),
  };
}

/** A node that goes down stops its services one after the other; they are shown as they are while it can answer. */
function services({ node }: Call): unknown {
  const up = node.machine.power === 'on';
  return Object.entries(SERVICES).map(([service, desc]) => {
    const active = up && (service !== 'corosync' || node.joined) && (service !== 'pve-cluster' || node.pmxcfs);
    return {
      service,
      name: service,
      desc,
      state: active ? 'running' : 'dead',
      'active-state': active ? 'active' : 'inactive',
      'unit-state': 'enabled',
    };
  });
}

/** PVE/API2/Nodes.pm: the node that is asked sends, the path names the one that shall wake. */
function wake({ cluster, node, parameters }: Call): string {
  const name = text(parameters, 'node');
  if (name === 'localhost' || name === node.name) throw dieError(`'${name}' is local node, cannot wake my self!`);
  const { mac, wakeOnLan } = cluster.node(name).spec;
  if (!wakeOnLan) throw dieError(`No wake on LAN MAC address defined for '${name}'!`);
  sendMagicPacket(cluster, mac, node.subject);
  return mac;
}

function config({ node, parameters }: Call): Record<string, string> {
  const { mac, wakeOnLan } = node.spec;
  const property = optionalText(parameters, 'property') ?? 'all';
  const settings = wakeOnLan && (property === 'all' || property === 'wakeonlan') ? { wakeonlan: mac } : {};
  return { ...settings, digest: createHash('sha1').update(JSON.stringify(settings)).digest('hex') };
}

type Job = Call['cluster']['replication'][number];

function jobOf(call: Call): Job {
  const job = call.cluster.replication.find((candidate) => candidate.id === text(call.parameters, 'id'));
  if (!job) throw parameterError({ id: `no such replication job '${text(call.parameters, 'id')}'` });
  return job;
}

/** Jobs whose guest is on this node now. */
function replication(call: Call): unknown {
  const guest = optionalText(call.parameters, 'guest');
  return call.cluster.replication
    .filter((job) => call.cluster.guests.get(job.guest)?.node === call.node.name)
    .filter((job) => guest === undefined || String(job.guest) === guest)
    .filter((job) => may(call, `/vms/${job.guest}`, 'VM.Audit'))
    .map((job) => replicationEntry(call, job));
}

function replicationEntry({ cluster }: Call, job: Job): Record<string, string | number> {
  const guest = cluster.guests.get(job.guest);
  return {
    id: job.id,
    type: 'local',
    guest: job.guest,
    vmtype: guest?.spec.kind ?? 'qemu',
    jobnum: 0,
    source: guest?.node ?? '',
    target: job.target,
    schedule: job.schedule,
    last_sync: seconds(job.lastSync),
    last_try: seconds(job.lastTry),
    next_sync: seconds(job.lastTry) + 900,
    duration: 3.2,
    fail_count: job.failCount,
    ...(job.pid === undefined ? {} : { pid: job.pid }),
    ...(job.error === undefined ? {} : { error: job.error }),
  };
}

function scheduleNow(call: Call): string {
  const { cluster } = call;
  const job = jobOf(call);
  assertPermission(call, `/vms/${job.guest}`, ['VM.Replicate']);
  cluster.assertWritable();
  cluster.clock.after(3_000, () => cluster.runReplication(job));
  return job.id;
}

/** @throws PveError 403 unless the caller may start and stop all guests, or every one named */
function bulkList(call: Call): number[] | undefined {
  const vms = vmidList(optionalText(call.parameters, 'vms'));
  for (const path of vms ? vms.map((vmid) => `/vms/${vmid}`) : ['/']) assertPermission(call, path, ['VM.PowerMgmt']);
  return vms;
}

function backup(call: Call): string {
  const { cluster, node } = call;
  const vmids = vmidList(optionalText(call.parameters, 'vmid'));
  if (!vmids && !flag(call.parameters, 'all'))
    throw parameterError({ vmid: 'property is missing and it is not optional' });
  const guests = cluster.guestsOn(node.name).filter((guest) => !vmids || vmids.includes(guest.vmid));
  for (const guest of guests) assertPermission(call, `/vms/${guest.vmid}`, ['VM.Backup']);
  assertPermission(call, `/storage/${optionalText(call.parameters, 'storage') ?? 'local'}`, [
    'Datastore.AllocateSpace',
  ]);
  cluster.assertWritable();
  return cluster.backupTask(node, guests, caller(call), optionalText(call.parameters, 'storage')).upid;
}
