import type { GuestKind } from '../domain/cluster.ts';
import type { Fact } from '../domain/condition.ts';
import type { InventoryHost, ListedGuest } from '../domain/host.ts';

/** Where a host of the inventory is in Proxmox, and what does not agree. */
export interface HostPlace {
  /** The guest that it is; null: it is none, or nobody can tell. */
  readonly guest: ListedGuest | null;
  /** Sentences; empty when inventory and Proxmox agree. */
  readonly mismatches: readonly string[];
}

/**
 * Holds a host of the inventory against the guests of the cluster. A wrong vmid is the worst mistake that an inventory can
 * have, for another guest would be backed up, restored or rebooted; so a name that differs counts as one.
 *
 * @param answers Whether the host answers: a guest that Proxmox calls stopped would not.
 */
export function placeHost(host: InventoryHost, guests: Fact<readonly ListedGuest[]>, answers: boolean): HostPlace {
  if (host.vmid === null) return { guest: null, mismatches: [] };
  if ('unknown' in guests) {
    return { guest: null, mismatches: [`${host.vmid} could not be looked up in Proxmox: ${guests.unknown}`] };
  }
  const guest = guests.value.find(({ vmid }) => vmid === host.vmid);
  if (!guest) return { guest: null, mismatches: [`there is no guest ${host.vmid} in the cluster`] };
  return { guest, mismatches: [...differences(host, guest, answers)] };
}

function* differences(host: InventoryHost, guest: ListedGuest, answers: boolean): Generator<string> {
  if (host.kind !== null && host.kind !== guest.kind) {
    yield `${guest.vmid} is a ${NAMES[guest.kind]}, the inventory says ${NAMES[host.kind]}`;
  }
  if (guest.name !== null && firstLabel(guest.name) !== firstLabel(host.name)) {
    yield `Proxmox calls ${guest.vmid} ${guest.name}`;
  }
  if (answers && guest.status === 'stopped') {
    yield `Proxmox calls ${guest.vmid} stopped, yet the host answers`;
  }
}

const NAMES: Readonly<Record<GuestKind, string>> = { lxc: 'container', qemu: 'virtual machine' };

/** Guests may be named with their domain. */
function firstLabel(name: string): string {
  return name.toLowerCase().split('.')[0] ?? '';
}
