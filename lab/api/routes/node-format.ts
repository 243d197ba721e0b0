import type { Cluster } from '../../cluster/cluster.ts';
import type { ClusterNode } from '../../cluster/node.ts';
import { GiB } from '../../site.ts';
import { seconds } from '../route.ts';

const ROOT_DISK = { maxdisk: 100 * GiB, disk: 22 * GiB } as const;

/** Memory in use: 2 GiB of the node itself and three quarters of its running guests'. */
export function memoryUsed(cluster: Cluster, node: ClusterNode): number {
  const guests = cluster.guestsOn(node.name).filter((guest) => guest.running);
  return guests.reduce((sum, guest) => sum + Math.floor(guest.spec.memory * 0.75), 2 * GiB);
}

export function uptime(cluster: Cluster, node: ClusterNode): number {
  return node.machine.power === 'on' ? Math.max(1, seconds(cluster.clock.now() - node.machine.bootedAt)) : 0;
}

/** A node in `/nodes` and `/cluster/resources`: figures only while it is online. */
export function nodeSummary(cluster: Cluster, node: ClusterNode): Record<string, string | number> {
  const status = cluster.stats.node(node.name);
  const base = { id: `node/${node.name}`, type: 'node', node: node.name, status, level: '' };
  if (status !== 'online') return base;
  return {
    ...base,
    cpu: 0.04,
    maxcpu: node.spec.cpus,
    mem: memoryUsed(cluster, node),
    maxmem: node.spec.memory,
    ...ROOT_DISK,
    uptime: uptime(cluster, node),
  };
}

/** Node-wide services a rejoin check looks at, with the names systemd gives them. */
export const SERVICES: Readonly<Record<string, string>> = {
  chrony: 'chrony, an NTP client/server',
  corosync: 'Corosync Cluster Engine',
  cron: 'Regular background program processing daemon',
  lxcfs: 'FUSE filesystem for LXC',
  postfix: 'Postfix Mail Transport Agent',
  'pve-cluster': 'The Proxmox VE cluster filesystem',
  'pve-firewall': 'Proxmox VE firewall',
  'pve-ha-crm': 'PVE Cluster HA Resource Manager Daemon',
  'pve-ha-lrm': 'PVE Local HA Resource Manager Daemon',
  pvedaemon: 'PVE API Daemon',
  pveproxy: 'PVE API Proxy Server',
  pvescheduler: 'Proxmox VE scheduler',
  pvestatd: 'PVE Status Daemon',
  spiceproxy: 'PVE SPICE Proxy Server',
  sshd: 'OpenBSD Secure Shell server',
};
