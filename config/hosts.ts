import type { SecretRef } from './formats.ts';
import type { HostConfig } from './hosts-schema.ts';
import type { Config } from './schema.ts';

/** How a host of the inventory is reached over SSH, with the defaults filled in. */
export interface HostAccess {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey: SecretRef;
  /** Field that names the private key, for errors about it. */
  readonly privateKeyField: string;
  /** What the host is known by; absent only for a host that is exempt. */
  readonly hostKey: { readonly fingerprint: string } | { readonly knownHostsFile: string } | null;
}

export function hostAccess({ hostDefaults, cluster }: Config, host: HostConfig): HostAccess {
  const { ssh } = hostDefaults;
  const knownHostsFile = ssh.knownHosts ?? cluster.ssh.knownHosts;
  const [privateKey, privateKeyField] = host.ssh.privateKey
    ? [host.ssh.privateKey, `hosts (${host.name}) ssh.privateKey`]
    : ssh.privateKey
      ? [ssh.privateKey, 'hostDefaults.ssh.privateKey']
      : [cluster.ssh.privateKey, 'cluster.ssh.privateKey'];
  return {
    address: host.address,
    port: host.ssh.port ?? ssh.port,
    user: host.ssh.user ?? ssh.user,
    privateKey,
    privateKeyField,
    hostKey:
      host.ssh.hostKey !== undefined
        ? { fingerprint: host.ssh.hostKey }
        : knownHostsFile !== undefined
          ? { knownHostsFile }
          : null,
  };
}
