import type { HostShell } from '../activities/deps.ts';
import { createAgentShell, createPctShell, GuestShellError } from '../clients/guest-shell/index.ts';
import type { GuestRef, GuestType, ProxmoxClient } from '../clients/proxmox/index.ts';
import { createSshClient, type SshClient } from '../clients/ssh/index.ts';
import { hostAccess } from '../config/hosts.ts';
import type { HostConfig } from '../config/hosts-schema.ts';
import type { Config } from '../config/schema.ts';
import { resolveSecret } from '../config/secrets.ts';

/** What leads to hosts that are reached through Proxmox. */
export interface WaysThroughProxmox {
  readonly proxmox: ProxmoxClient;
  /** SSH to a node by its cluster name. */
  readonly ssh: (node: string) => SshClient;
}

/** The shell of a host of the inventory, by the way that its `via` says. Nothing is contacted yet. */
export function shellOfHost(
  config: Config,
  host: HostConfig,
  env: NodeJS.ProcessEnv,
  { proxmox, ssh }: WaysThroughProxmox,
): HostShell {
  const { via, vmid } = host;
  // The configuration has been checked: whoever is reached through Proxmox has a vmid.
  if (via === 'ssh' || vmid === undefined) return sshToHost(config, host, env);
  if (via === 'pct') {
    return createPctShell({
      vmid,
      node: async (signal) => ssh((await locate(proxmox, host.name, vmid, 'lxc', signal)).node),
    });
  }
  return createAgentShell({ vmid, proxmox, find: (signal) => locate(proxmox, host.name, vmid, 'qemu', signal) });
}

/** SSH to a host of the inventory; the key is read when it is needed. */
function sshToHost(config: Config, host: HostConfig, env: NodeJS.ProcessEnv): SshClient {
  const { address, port, user, privateKey, privateKeyField, hostKey } = hostAccess(config, host);
  return createSshClient({
    host: address,
    port,
    username: user,
    privateKey: () => resolveSecret(privateKey, env, privateKeyField),
    // The configuration has been checked: without either the host is exempt, and a file that is not there trusts nobody.
    hostKey: hostKey ?? { knownHostsFile: '' },
  });
}

async function locate(
  proxmox: ProxmoxClient,
  host: string,
  vmid: number,
  type: GuestType,
  signal: AbortSignal | undefined,
): Promise<GuestRef> {
  const place = await (signal === undefined ? proxmox : proxmox.with({ signal })).guestLocation(vmid);
  if (place?.type === type) return place;
  const text = place
    ? `${vmid} is a ${place.type === 'lxc' ? 'container' : 'virtual machine'}. Correct hosts.via or hosts.vmid.`
    : `there is no guest ${vmid} in the cluster. Correct hosts.vmid.`;
  throw new GuestShellError('GuestShellRefused', 'refused', host, text);
}
