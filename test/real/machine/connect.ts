import { createRemoteJobs, type RemoteJobs } from '../../../clients/remote-job/index.ts';
import { createSshClient, type SshClient, type SshTimeouts } from '../../../clients/ssh/index.ts';

export interface HostAddress {
  /** Port of 127.0.0.1 that leads to its sshd. */
  readonly sshPort: number;
  readonly privateKey: string;
  readonly fingerprint: string;
}

export interface HostClients {
  readonly ssh: SshClient;
  readonly jobs: RemoteJobs;
}

/** Our own clients of one host. */
export function connectTo(address: HostAddress, timeouts: Partial<SshTimeouts> = {}): HostClients {
  const ssh = createSshClient({
    host: '127.0.0.1',
    port: address.sshPort,
    username: 'root',
    privateKey: () => Promise.resolve(address.privateKey),
    hostKey: { fingerprint: address.fingerprint },
    timeouts,
  });
  return { ssh, jobs: createRemoteJobs(ssh, { stateDirectory: '/var/lib/caretaker' }) };
}
