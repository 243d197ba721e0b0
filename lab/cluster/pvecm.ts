import type { Cluster } from './cluster.ts';
import type { ClusterNode } from './node.ts';
import { qdeviceVotes } from './quorum.ts';

/** `Sun Nov 22 20:19:56 2026`, as C's ctime writes it. */
export function ctime(ms: number): string {
  const [, day = '', date = '', month = '', year = '', time = ''] =
    /^(\w+), (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(ms).toUTCString()) ?? [];
  return `${day} ${month} ${String(Number(date)).padStart(2)} ${time} ${year}`;
}

function line(label: string, value: string | number): string {
  return `${`${label}:`.padEnd(17)} ${value}`;
}

function nodeid(id: number): string {
  return `0x${id.toString(16).padStart(8, '0')}`;
}

/** `pvecm status`: a header by Proxmox and the output of `corosync-quorumtool -siH`. */
export function pvecmStatus(cluster: Cluster, node: ClusterNode): string {
  const { votes, site } = cluster;
  const members = [...cluster.nodes.values()].filter((member) => member.joined);
  const flags = [...(votes.quorate ? ['Quorate'] : []), ...(site.qdevice ? ['Qdevice'] : [])].join(' ');
  const blocked = votes.quorate ? '' : ' Activity blocked';
  return [
    'Cluster information',
    '-------------------',
    line('Name', site.cluster),
    line('Config Version', site.nodes.length),
    line('Transport', 'knet'),
    line('Secure auth', 'on'),
    '',
    'Quorum information',
    '------------------',
    line('Date', ctime(cluster.clock.now())),
    line('Quorum provider', 'corosync_votequorum'),
    line('Nodes', members.length),
    line('Node ID', nodeid(node.id)),
    line('Ring ID', `${Math.min(...members.map((member) => member.id)).toString(16)}.${cluster.ringId.toString(16)}`),
    line('Quorate', votes.quorate ? 'Yes' : 'No'),
    '',
    'Votequorum information',
    '----------------------',
    line('Expected votes', votes.expected),
    line('Highest expected', votes.expected),
    line('Total votes', votes.total),
    line('Quorum', `${votes.needed}${blocked}`) + (votes.quorate ? '  ' : ''),
    line('Flags', flags),
    '',
    'Membership information',
    '----------------------',
    ...membership(cluster, node, members),
    '',
  ].join('\n');
}

function membership(cluster: Cluster, node: ClusterNode, members: readonly ClusterNode[]): string[] {
  const device = cluster.site.qdevice;
  const state = cluster.qdeviceConnected ? 'A,V,NMW' : 'NA,NV,NMW';
  const rows = members.map((member) =>
    [
      nodeid(member.id),
      String(member.spec.votes).padStart(10),
      ...(device ? [state.padStart(10)] : []),
      `${member.spec.address}${member === node ? ' (local)' : ''}`,
    ].join(' '),
  );
  const header = ['    Nodeid', '     Votes', ...(device ? ['   Qdevice'] : []), 'Name'].join(' ');
  if (!device) return [header, ...rows];
  const nodeVotes = cluster.site.nodes.reduce((sum, spec) => sum + spec.votes, 0);
  const votes = cluster.qdeviceConnected ? qdeviceVotes(nodeVotes) : 0;
  return [header, ...rows, `${nodeid(0)} ${String(votes).padStart(10)} ${' '.repeat(10)} Qdevice`];
}
