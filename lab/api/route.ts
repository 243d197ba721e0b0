import type { Cluster } from '../cluster/cluster.ts';
import { PveError } from '../cluster/errors.ts';
import type { Guest } from '../cluster/guests.ts';
import type { ClusterNode } from '../cluster/node.ts';
import type { AccessControl, Identity, Privilege } from './access.ts';
import { userName } from './access.ts';
import type { ParameterSpecs, Parameters } from './parameters.ts';
import { text } from './parameters.ts';

/** Who may call: anyone, anyone logged in (the handler filters), or holders of privileges on a path. */
export type Permission =
  'world' | 'user' | { readonly path: string; readonly privileges: readonly Privilege[]; readonly any?: boolean };

/** One verified call on the node that carries it out. */
export interface Call {
  readonly cluster: Cluster;
  readonly access: AccessControl;
  readonly node: ClusterNode;
  readonly identity: Identity;
  readonly parameters: Parameters;
  /** SHA-256 fingerprints of the nodes' certificates. */
  readonly fingerprints: ReadonlyMap<string, string>;
}

/** A list whose full length differs from the part that is sent. */
export class Page {
  readonly data: unknown;
  readonly total: number;

  constructor(data: unknown, total: number) {
    this.data = data;
    this.total = total;
  }
}

/** One line of the API: what Proxmox's own schema says about it, and what the model does. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `/nodes/{node}/status`; path parameters are verified like all others. */
  readonly path: string;
  readonly parameters: ParameterSpecs;
  readonly permission: Permission;
  /** False: the node that is asked carries it out, whichever it names. */
  readonly proxied?: false;
  readonly run: (call: Call) => unknown;
}

/** @throws PveError 403 `Permission check failed (/vms/100, VM.Migrate)` */
export function assertPermission(call: Call, path: string, privileges: readonly Privilege[], any = false): void {
  const held = (privilege: Privilege) => call.access.has(call.identity, path, privilege);
  if (any ? privileges.some(held) : privileges.every(held)) return;
  throw new PveError(403, `Permission check failed (${path}, ${privileges.join(any ? '|' : ', ')})`);
}

export function may(call: Call, path: string, ...privileges: Privilege[]): boolean {
  return privileges.some((privilege) => call.access.has(call.identity, path, privilege));
}

/** The caller as tasks name it. */
export function caller(call: Call): string {
  return userName(call.identity);
}

/** Actor for the event log. */
export function actor(call: Call): string {
  return `api:${caller(call)}`;
}

/** @throws PveError 500 when the guest's configuration is not on this node */
export function guestOf(call: Call, kind: 'qemu' | 'lxc'): Guest {
  const vmid = Number(call.parameters['vmid']);
  const guest = call.cluster.guests.get(vmid);
  const node = text(call.parameters, 'node');
  if (guest?.spec.kind === kind && guest.node === node) return guest;
  const folder = kind === 'lxc' ? 'lxc' : 'qemu-server';
  throw new PveError(500, `Configuration file 'nodes/${node}/${folder}/${vmid}.conf' does not exist`);
}

/** Ids of a `pve-vmid-list`: separated by commas, semicolons or blanks. */
export function vmidList(value: string | undefined): number[] | undefined {
  return value
    ?.split(/[\s,;]+/)
    .filter((id) => id !== '')
    .map(Number);
}

export function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
