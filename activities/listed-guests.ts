import type { ProxmoxClient } from '../clients/proxmox/index.ts';
import type { ListedGuest } from '../domain/host.ts';

/** The guests of the cluster as Proxmox lists them: `GET /cluster/resources`. */
export async function listGuests(proxmox: Pick<ProxmoxClient, 'resources'>): Promise<ListedGuest[]> {
  const { guests } = await proxmox.resources();
  return guests.map(({ type, vmid, name, node, status, template }) => {
    return { vmid, kind: type, name: name ?? null, node, status, template };
  });
}
