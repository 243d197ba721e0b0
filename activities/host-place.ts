import { cancellationSignal } from '@temporalio/activity';
import { sh } from '../clients/ssh/index.ts';
import type { InventoryHost } from '../domain/host.ts';
import { placeHost, type HostPlace } from '../planning/host-place.ts';
import type { ActivityDeps } from './deps.ts';
import { listGuests } from './listed-guests.ts';
import { isPassing, NoClearAnswer } from './guard.ts';
import { mapLimited } from './map-limited.ts';

/** A host that takes longer for a word does not answer. */
const WORD_TIMEOUT_MS = 15_000;

const AT_A_TIME = 8;

/** `out-of-our-reach`: others reach it, so nothing that we see of it from here says how it is. */
export type HostContact = 'answers' | 'gone' | 'out-of-our-reach';

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
        return (await answers(deps, host)) ? [] : [host];
      });
      return silent.flat();
    },

    /**
     * Whether a host that is a guest answers; and if it does not, whether that is more than our own way to it: its node is
     * asked whether it can reach the host's SSH server.
     */
    async contactHost({ host, vmid }: { readonly host: string; readonly vmid: number }): Promise<HostContact> {
      if (await answers(deps, host)) return 'answers';
      const place = await deps.proxmox.guestLocation(vmid);
      if (place === undefined) throw new NoClearAnswer(`there is no guest ${vmid}`);
      const door = deps.hostDoor(host);
      // A host that is reached through its node has no other way to be asked.
      if (!place.running || door === null) return 'gone';
      const knock = `exec 3<>/dev/tcp/${door.address}/${door.port}`;
      const { code } = await deps.ssh(place.node).exec(sh`timeout 10 bash -c ${knock}`, {
        timeoutMs: WORD_TIMEOUT_MS,
        signal: cancellationSignal(),
      });
      return code === 0 ? 'out-of-our-reach' : 'gone';
    },
  };
}

async function answers({ hostShell }: ActivityDeps, host: string): Promise<boolean> {
  try {
    await hostShell(host).exec('true', { timeoutMs: WORD_TIMEOUT_MS, signal: cancellationSignal() });
    return true;
  } catch (error) {
    if (isPassing(error)) return false;
    throw error;
  }
}
