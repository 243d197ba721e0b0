import { z } from 'zod';
import {
  address,
  certificateFingerprint,
  clusterName,
  duration,
  hostKeyFingerprint,
  nodeName,
  path,
  port,
  remotePath,
  secretRef,
  userName,
  vmid,
} from './formats.ts';
import { hostDefaultsSchema, hostsSchema } from './hosts-schema.ts';
import { mailSchema } from './mail-schema.ts';
import { patchingSchema } from './patch-schema.ts';
import { powerSchema } from './power-schema.ts';
import { policySchema } from './policy-schema.ts';
import { credentialsSchema } from './probe-schema.ts';
import { schedulesSchema } from './schedules-schema.ts';

const apiSchema = z.strictObject({
  token: secretRef.describe('API token of the form `user@realm!name=uuid`; see docs/how-to/create-api-token.md.'),
  caFile: path
    .exactOptional()
    .describe(
      'Certificate authority that signed the certificates of the nodes, such as a copy of `/etc/pve/pve-root-ca.pem`.',
    ),
  connectTimeout: duration.default('10 seconds').describe('Longest time to open a connection to a node.'),
  totalTimeout: duration
    .default('45 seconds')
    .describe(
      'Longest time for one API call. Above 30 seconds, because a node that forwards a call to another one gives up after that time and says so.',
    ),
});

const sshSchema = z.strictObject({
  user: userName.default('root').describe('Account on the nodes. Upgrades and HA maintenance mode need root.'),
  privateKey: secretRef.describe('Private key in OpenSSH format, without a passphrase.'),
  knownHosts: path
    .exactOptional()
    .describe('File in the format of `~/.ssh/known_hosts` with the host keys of all nodes.'),
  port: port.default(22).describe('SSH port of the nodes.'),
});

const nodeSchema = z.strictObject({
  name: nodeName.describe('Name of the node as the cluster knows it.'),
  address: address.describe('IP address or host name at which the node is reached.'),
  api: z
    .strictObject({
      port: port.default(8006).describe('Port of the API.'),
      fingerprint: certificateFingerprint
        .exactOptional()
        .describe('SHA-256 fingerprint of the API certificate. Needed unless `cluster.api.caFile` is given.'),
      address: address.exactOptional().describe('Address of the API, if it is not that of the node.'),
    })
    .prefault({})
    .describe('API of this node.'),
  ssh: z
    .strictObject({
      port: port.exactOptional().describe('SSH port of this node, if it is not `cluster.ssh.port`.'),
      address: address.exactOptional().describe('Address for SSH, if it is not that of the node.'),
      hostKey: hostKeyFingerprint
        .exactOptional()
        .describe('Fingerprint of the SSH host key. Needed unless `cluster.ssh.knownHosts` is given.'),
    })
    .prefault({})
    .describe('SSH of this node.'),
});

const clusterSchema = z.strictObject({
  name: clusterName.describe('Name of the cluster; part of the workflow ids, such as `rolling-update/homelab`.'),
  api: apiSchema.describe('Proxmox API, the same for all nodes.'),
  ssh: sshSchema.describe('SSH, the same for all nodes.'),
  nodes: z.array(nodeSchema).min(1).describe('All nodes of the cluster, in the order in which they are updated.'),
  stateDirectory: remotePath
    .default('/var/lib/caretaker/jobs')
    .describe('Folder on the nodes in which running jobs keep their log and result.'),
});

/** Schema of `caretaker.yaml`. Unknown keys are errors; every key is described. */
export const configSchema = z.strictObject({
  cluster: clusterSchema.describe('The Proxmox cluster.'),
  hostDefaults: hostDefaultsSchema.prefault({}).describe('What the hosts below have in common.'),
  hosts: hostsSchema
    .default([])
    .describe(
      'Containers, virtual machines and other Debian or Ubuntu hosts that `caretaker hosts` shows and `caretaker patch` patches.',
    ),
  orchestrator: z
    .strictObject({
      guest: vmid
        .exactOptional()
        .describe(
          'vmid of the guest in which Temporal or the workers run. The node that holds it is updated last. Leave it out when they run outside the cluster.',
        ),
    })
    .prefault({})
    .describe('Where Caretaker itself runs.'),
  polling: z
    .strictObject({
      interval: duration.default('5 seconds').describe('Time between two looks while waiting for the cluster.'),
      stablePolls: z
        .int()
        .min(1)
        .max(60)
        .default(2)
        .describe('How many looks in a row must find a rejoined node well before the run goes on.'),
    })
    .prefault({})
    .describe('How the cluster is watched.'),
  mail: mailSchema
    .exactOptional()
    .describe('Mail server that takes reports and questions, and who gets them. Leave it out to get no mail.'),
  credentials: credentialsSchema.default([]).describe('What probes may send to services that ask who they are.'),
  schedules: schedulesSchema
    .exactOptional()
    .describe(
      'What Temporal starts by itself, instead of cron. `caretaker schedules apply` makes it so; leave out what shall not be started.',
    ),
  patching: patchingSchema.prefault({}).describe('How the hosts are patched. A run may override what concerns a host.'),
  power: powerSchema
    .exactOptional()
    .describe(
      'What to do when the mains fail: hold, shed some nodes, shut all down, and bring everything back. Leave it out where there is no UPS.',
    ),
  rollingUpdate: policySchema
    .prefault({})
    .describe('How a rolling update behaves. A run may override any of it in its input.'),
});

/** `caretaker.yaml` with its defaults filled in. Holds references to secrets, never secrets. */
export type Config = z.output<typeof configSchema>;
export type ClusterConfig = Config['cluster'];
export type NodeConfig = ClusterConfig['nodes'][number];
