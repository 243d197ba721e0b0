import { createHash } from 'node:crypto';
import type { Cluster } from '../../cluster/cluster.ts';
import type { Guest } from '../../cluster/guests.ts';
import { GiB } from '../../site.ts';
import { seconds } from '../route.ts';

type Fields = Record<string, string | number>;

const NO_TRAFFIC = { diskread: 0, diskwrite: 0, netin: 0, netout: 0 } as const;

function optionalFields(cluster: Cluster, guest: Guest): Fields {
  return {
    ...(guest.lock ? { lock: guest.lock } : {}),
    ...(guest.spec.tags.length > 0 ? { tags: guest.spec.tags.join(';') } : {}),
    ...haState(cluster, guest),
  };
}

function haState(cluster: Cluster, guest: Guest): Fields {
  const resource = cluster.ha.resources.get(guest.sid);
  if (!resource) return {};
  return { hastate: cluster.ha.services.get(guest.sid)?.state ?? resource.state };
}

function diskSize(guest: Guest): number {
  return guest.spec.disks[0]?.size ?? 0;
}

/** A guest in `/cluster/resources`: its node is known at once, its run state from the last broadcast. */
export function guestResource(cluster: Cluster, guest: Guest): Fields {
  const stat = cluster.stats.guest(guest.vmid, guest.node);
  const base: Fields = {
    id: guest.id,
    type: guest.spec.kind,
    vmid: guest.vmid,
    node: guest.node,
    name: guest.spec.name,
    template: guest.spec.template ? 1 : 0,
    status: stat?.status ?? 'unknown',
    ...optionalFields(cluster, guest),
  };
  if (!stat) return base;
  return {
    ...base,
    maxcpu: guest.spec.cores,
    maxmem: guest.spec.memory,
    maxdisk: diskSize(guest),
    disk: 0,
    cpu: stat.status === 'running' ? 0.02 : 0,
    mem: stat.status === 'running' ? Math.floor(guest.spec.memory * 0.75) : 0,
    uptime: stat.uptime,
    ...NO_TRAFFIC,
  };
}

/** A guest in `/nodes/{node}/{qemu,lxc}`, and the shared part of `status/current`. */
export function guestListEntry(cluster: Cluster, guest: Guest): Fields {
  const { running } = guest;
  const uptime = running ? Math.max(1, seconds(cluster.clock.now() - guest.startedAt)) : 0;
  return {
    vmid: guest.vmid,
    name: guest.spec.name,
    status: running ? 'running' : 'stopped',
    cpus: guest.spec.cores,
    cpu: running ? 0.02 : 0,
    maxmem: guest.spec.memory,
    mem: running ? Math.floor(guest.spec.memory * 0.75) : 0,
    maxdisk: diskSize(guest),
    disk: 0,
    uptime,
    ...NO_TRAFFIC,
    ...(guest.spec.template ? { template: 1 } : {}),
    ...(guest.lock ? { lock: guest.lock } : {}),
    ...(guest.spec.tags.length > 0 ? { tags: guest.spec.tags.join(';') } : {}),
    ...(running ? { pid: 100_000 + guest.vmid } : {}),
  };
}

/** `status/current`: the run state as it is this moment. */
export function guestStatus(cluster: Cluster, guest: Guest): Record<string, unknown> {
  const resource = cluster.ha.resources.get(guest.sid);
  const qemu = guest.spec.kind === 'qemu';
  return {
    ...guestListEntry(cluster, guest),
    ...(qemu ? { qmpstatus: guest.running ? 'running' : 'stopped' } : { type: 'lxc' }),
    ...(qemu && guest.spec.agent ? { agent: 1 } : {}),
    ...(qemu && guest.running ? { 'running-qemu': '10.1.2', 'running-machine': 'pc-q35-10.1+pve0' } : {}),
    ha: resource ? { managed: 1, state: resource.state } : { managed: 0 },
  };
}

/** `config`: the lines of the guest's file that the model knows. */
export function guestConfig(guest: Guest): Record<string, unknown> {
  const { spec } = guest;
  const memory = spec.memory / 1024 ** 2;
  const volumes = Object.fromEntries(spec.disks.map((disk) => [disk.key, volume(guest, disk.key)]));
  const config: Record<string, unknown> = {
    ...(spec.kind === 'lxc'
      ? { hostname: spec.name, arch: 'amd64', ostype: 'debian', unprivileged: 1, memory, swap: 512 }
      : {
          name: spec.name,
          ostype: 'l26',
          agent: spec.agent ? 'enabled=1' : '0',
          memory: String(memory),
          scsihw: 'virtio-scsi-single',
        }),
    cores: spec.cores,
    onboot: spec.onboot ? 1 : 0,
    ...volumes,
    ...(spec.cdrom === undefined ? {} : { ide2: spec.cdrom }),
    ...(spec.cpu === undefined ? {} : { cpu: spec.cpu }),
    ...spec.devices,
    ...spec.bindMounts,
    ...(spec.startup === undefined ? {} : { startup: spec.startup }),
    ...(spec.tags.length > 0 ? { tags: spec.tags.join(';') } : {}),
    ...(spec.template ? { template: 1 } : {}),
    ...(guest.lock ? { lock: guest.lock } : {}),
  };
  return { ...config, digest: createHash('sha1').update(JSON.stringify(config)).digest('hex') };
}

/** `local-zfs:vm-210-disk-0,size=64G`, as a config line; without its options the volume's id. */
export function volume(guest: Guest, key: string): string {
  const index = guest.spec.disks.findIndex((disk) => disk.key === key);
  const disk = guest.spec.disks[index];
  if (!disk) return '';
  const size = `size=${disk.size / GiB}G`;
  return `${guest.volumeId(index)},${key.startsWith('mp') ? `mp=/mnt/${key},` : ''}${size}`;
}
