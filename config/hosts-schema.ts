import { z } from 'zod';
import {
  address,
  hostKeyFingerprint,
  hostOrGroupName,
  nonEmptyText,
  path,
  port,
  remotePath,
  secretRef,
  userName,
  vmid,
} from './formats.ts';
import { hostPatchSchema } from './patch-schema.ts';

/** What the hosts have in common. */
export const hostDefaultsSchema = z.strictObject({
  ssh: z
    .strictObject({
      user: userName.default('root').describe('Account on the hosts. Reading works with any, patching needs root.'),
      privateKey: secretRef
        .exactOptional()
        .describe('Private key in OpenSSH format, without a passphrase. Without it `cluster.ssh.privateKey`.'),
      knownHosts: path
        .exactOptional()
        .describe(
          'File in the format of `~/.ssh/known_hosts` with the host keys of the hosts. Without it `cluster.ssh.knownHosts`.',
        ),
      port: port.default(22).describe('SSH port of the hosts.'),
    })
    .prefault({})
    .describe('SSH, the same for all hosts.'),
  stateDirectory: remotePath
    .default('/var/lib/caretaker/jobs')
    .describe('Folder on the hosts in which running jobs keep their log and result.'),
});

const hostSchema = z.strictObject({
  name: hostOrGroupName.describe('Name of the host in reports and on the command line.'),
  address: address.describe('IP address or host name at which the host is reached.'),
  vmid: vmid
    .exactOptional()
    .describe('vmid of the guest that the host is. Leave it out for a machine that is no guest of the cluster.'),
  kind: z
    .enum(['lxc', 'vm'])
    .exactOptional()
    .describe('What it should be: a container or a virtual machine. One that is the other in Proxmox is reported.'),
  via: z
    .enum(['ssh', 'pct', 'agent'])
    .default('ssh')
    .describe(
      'The way to its shell. `pct`: a container, through `pct exec` on the node that has it. `agent`: a VM, through its QEMU guest agent. Both need `vmid`, and neither SSH nor a network in the guest.',
    ),
  groups: z.array(hostOrGroupName).default([]).describe('Groups that it is in, such as `lxc` or `docker-vms`.'),
  exempt: nonEmptyText
    .exactOptional()
    .describe('Why it is left alone: it is listed with this reason, and nothing connects to it.'),
  ssh: z
    .strictObject({
      user: userName.exactOptional().describe('Account on this host, if it is not `hostDefaults.ssh.user`.'),
      port: port.exactOptional().describe('SSH port of this host, if it is not `hostDefaults.ssh.port`.'),
      privateKey: secretRef.exactOptional().describe('Private key for this host, if it is not that of the others.'),
      hostKey: hostKeyFingerprint
        .exactOptional()
        .describe('Fingerprint of the SSH host key. Needed unless there is a file of known hosts.'),
    })
    .prefault({})
    .describe('SSH of this host.'),
  patching: hostPatchSchema
    .prefault({})
    .describe('What is not as in `patching` when this host is patched. Its probes are added to those there.'),
});

export const hostsSchema = z.array(hostSchema);

export type HostConfig = z.output<typeof hostSchema>;
