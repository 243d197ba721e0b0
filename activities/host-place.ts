import type { InventoryHost } from '../domain/host.ts';
import { placeHost, type HostPlace } from '../planning/host-place.ts';
import type { ActivityDeps } from './deps.ts';
import { listGuests } from './listed-guests.ts';
import { isPassing } from './guard.ts';
import { mapLimited } from './map-limited.ts';

/** A host that takes longer for a word does not answer. */
const WORD_TIMEOUT_MS = 15_000;

const AT_A_TIME = 8;

export function createHostPlaceActivities(deps: ActivityDeps) {
  return {
    /** Where a host of the inventory is in Proxmox, and in what the two do not agree. `GET /cluster/resources` */
    async locateHost({ host }: { readonly host: InventoryHost }): Promise<HostPlace> {
      if (host.vmid === null) return placeHost(host, { value: [] }, false);
      return placeHost(host, { value: await listGuests(deps.proxmox) }, false);
    },

    /** Which of some hosts do not answer. */
    async findSilentHosts({ hosts }: { readonly hosts: readonly string[] }): Promise<string[]> {
      const silent = await mapLimited(hosts, AT_A_TIME, async (host) => {
        try {
          await deps.hostShell(host).exec('true', { timeoutMs: WORD_TIMEOUT_MS });
          return [];
        } catch (error) {
          if (isPassing(error)) return [host];
          throw error;
        }
      });
      return silent.flat();
    },
  };
}
