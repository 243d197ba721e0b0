import type { CommandCall, LabCommand } from '../core/machine.ts';
import { quote } from './agent.ts';
import type { Cluster } from './cluster.ts';
import { PveError } from './errors.ts';
import type { Guest } from './guests.ts';
import { haStatusLines } from './ha-status.ts';
import type { ClusterNode } from './node.ts';
import { pvecmStatus } from './pvecm.ts';

/** A command as a function of its node; its exit code, 0 when nothing is returned. */
type NodeCommand = (cluster: Cluster, node: ClusterNode, call: CommandCall) => Promise<number> | number;

const COMMANDS: Readonly<Record<string, NodeCommand>> = {
  'ha-manager': haManager,
  pvecm,
  pct,
  qm,
  pveversion,
  ceph,
};

/** Puts Proxmox VE's own commands on every node's PATH. */
export function registerCommands(cluster: Cluster): void {
  for (const node of cluster.nodes.values()) {
    for (const [name, run] of Object.entries(COMMANDS)) {
      const command: LabCommand = async (call) => {
        try {
          return await run(cluster, node, call);
        } catch (error) {
          if (!(error instanceof PveError)) throw error;
          call.err(`${error.message}\n`);
          return 255;
        }
      };
      node.machine.command(name, command);
    }
  }
}

function ceph(cluster: Cluster, _node: ClusterNode, call: CommandCall): number {
  if (cluster.ceph) return cluster.ceph.command(call);
  call.err('sh: ceph: command not found\n');
  return 127;
}

function usage(call: CommandCall, text: string): number {
  call.err(`ERROR: unknown command or arguments\nUSAGE: ${text}\n`);
  return 255;
}

/** ha-manager(1): every change only enters the queue of the CRM. */
function haManager(cluster: Cluster, node: ClusterNode, call: CommandCall): number {
  const [verb, ...rest] = call.args;
  if (verb === 'status') {
    for (const line of haStatusLines(cluster, node)) call.out(`${line}\n`);
    return 0;
  }
  if (verb === 'migrate' || verb === 'relocate') {
    const [sid, target] = rest;
    if (!sid || !target) return usage(call, `ha-manager ${verb} <sid> <node>`);
    cluster.ha.resource(sid);
    cluster.node(target);
    cluster.ha.queue(`${verb} ${sid} ${target}`, call.actor);
    return 0;
  }
  const [what, action, target] = rest;
  if (
    verb !== 'crm-command' ||
    what !== 'node-maintenance' ||
    (action !== 'enable' && action !== 'disable') ||
    !target
  ) {
    return usage(call, 'ha-manager crm-command node-maintenance <enable|disable> <node>');
  }
  cluster.node(target);
  cluster.ha.queue(`node-maintenance ${action} ${target}`, call.actor);
  return 0;
}

/** pvecm(1). `expected` lasts until a member with the configured number joins. */
function pvecm(cluster: Cluster, node: ClusterNode, call: CommandCall): number {
  const [verb, number] = call.args;
  if (verb === 'status') {
    call.out(pvecmStatus(cluster, node));
    return cluster.isQuorate(node) ? 0 : 2;
  }
  if (verb !== 'expected' || number === undefined || !/^[1-9]\d*$/.test(number)) {
    return usage(call, 'pvecm <status|expected <number>>');
  }
  if (cluster.setExpected(Number(number))) return 0;
  call.err('Unable to set expected votes: CS_ERR_INVALID_PARAM\n');
  return 1;
}

function localGuest(cluster: Cluster, node: ClusterNode, kind: 'lxc' | 'qemu', id: string | undefined): Guest {
  const guest = cluster.guests.get(Number(id));
  if (!guest || guest.spec.kind !== kind || guest.node !== node.name) {
    const folder = kind === 'lxc' ? 'lxc' : 'qemu-server';
    throw new PveError(500, `Configuration file 'nodes/${node.name}/${folder}/${id}.conf' does not exist`);
  }
  return guest;
}

/** pct(1): `exec` passes the exit code of the command inside through. */
async function pct(cluster: Cluster, node: ClusterNode, call: CommandCall): Promise<number> {
  const [verb, id, ...rest] = call.args;
  if (verb === 'list') {
    call.out('VMID       Status     Lock         Name\n');
    for (const guest of cluster.guestsOn(node.name).filter((candidate) => candidate.spec.kind === 'lxc')) {
      const columns = [String(guest.vmid).padEnd(10), status(guest).padEnd(10), (guest.lock ?? '').padEnd(12)];
      call.out(`${columns.join(' ')} ${guest.spec.name}\n`);
    }
    return 0;
  }
  if (verb !== 'status' && verb !== 'exec' && verb !== 'shutdown') {
    return usage(call, 'pct <list|status|exec|shutdown> [<vmid>]');
  }
  const guest = localGuest(cluster, node, 'lxc', id);
  if (verb === 'shutdown') return shutdown(cluster, guest, call);
  if (verb === 'status') {
    call.out(`status: ${status(guest)}\n`);
    return 0;
  }
  if (!guest.running) throw new PveError(500, `container '${guest.vmid}' not running!`);
  if (guest.machine.power === 'booting') {
    // Its first process is not there yet.
    call.err(
      `lxc-attach: ${guest.vmid}: ../src/lxc/attach.c: get_attach_context: 406 Connection refused - Failed to get init pid\n`,
    );
    return 1;
  }
  const argv = rest[0] === '--' ? rest.slice(1) : rest;
  const result = await guest.machine.exec(argv.map(quote).join(' '), {
    actor: call.actor,
    stdin: call.stdin,
    out: (chunk) => call.out(chunk),
    err: (chunk) => call.err(chunk),
    signal: call.signal,
  });
  return result.code;
}

/** qm(1): `list`, `status` and `shutdown`. */
function qm(cluster: Cluster, node: ClusterNode, call: CommandCall): number | Promise<number> {
  const [verb, id] = call.args;
  if (verb === 'list') {
    call.out('      VMID NAME                 STATUS     MEM(MB)    BOOTDISK(GB) PID       \n');
    for (const guest of cluster.guestsOn(node.name).filter((candidate) => candidate.spec.kind === 'qemu')) {
      const memory = String(guest.spec.memory / 1024 ** 2).padEnd(10);
      const disk = ((guest.spec.disks[0]?.size ?? 0) / 1024 ** 3).toFixed(2).padStart(12);
      const pid = guest.running ? String(100_000 + guest.vmid) : '0';
      call.out(
        `${String(guest.vmid).padStart(10)} ${guest.spec.name.padEnd(20)} ${status(guest).padEnd(10)} ${memory} ${disk} ${pid.padEnd(10)}\n`,
      );
    }
    return 0;
  }
  if (verb !== 'status' && verb !== 'shutdown') return usage(call, 'qm <list|status|shutdown> [<vmid>]');
  const guest = localGuest(cluster, node, 'qemu', id);
  if (verb === 'shutdown') return shutdown(cluster, guest, call);
  call.out(`status: ${status(guest)}\n`);
  return 0;
}

/** As over the API, but that the command waits for the end of its worker. */
async function shutdown(cluster: Cluster, guest: Guest, call: CommandCall): Promise<number> {
  if (cluster.ha.isManaged(guest.sid)) {
    call.out(`Requesting HA stop for ${guest.noun} ${guest.vmid}\n`);
    cluster.ha.setState(guest.sid, 'stopped');
    return 0;
  }
  const options = new Map(call.args.map((arg, index) => [arg, call.args[index + 1]]));
  const task = cluster.shutdownGuestTask(guest, 'root@pam', {
    timeout: Number(options.get('--timeout') ?? 60),
    forceStop: options.get('--forceStop') === '1',
  });
  await task.done;
  if (task.exitStatus === 'OK') return 0;
  call.err(`${task.exitStatus}\n`);
  return 255;
}

function status(guest: Guest): string {
  return guest.running ? 'running' : 'stopped';
}

function pveversion(_cluster: Cluster, node: ClusterNode, call: CommandCall): number {
  call.out(`${managerVersion(node)} (running kernel: ${node.machine.runningKernel})\n`);
  return 0;
}

/** `pve-manager/9.2.10/0f4a3c…`: the installed version of pve-manager and a repository id. */
export function managerVersion(node: ClusterNode): string {
  const { version, repoid } = versionOf(node);
  return `pve-manager/${version}/${repoid}`;
}

/** What `GET /version` says about a node. */
export function versionOf(node: ClusterNode): { version: string; release: string; repoid: string } {
  const manager = node.machine.installedPackages.find((item) => item.name === 'pve-manager');
  const version = manager?.installed ?? '9.2.10';
  return { version, release: version.split('.').slice(0, 2).join('.'), repoid: '0f4a3c5d8e21' };
}
