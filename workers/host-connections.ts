import { createSshClient, type SshClient } from '../clients/ssh/index.ts';
import { hostAccess } from '../config/hosts.ts';
import type { HostConfig } from '../config/hosts-schema.ts';
import type { Config } from '../config/schema.ts';
import { resolveSecret } from '../config/secrets.ts';

/** SSH to a host of the inventory. Nothing is contacted yet; the key is read when it is needed. */
export function sshToHost(config: Config, host: HostConfig, env: NodeJS.ProcessEnv): SshClient {
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
