import type { HostShell } from '../activities/deps.ts';
import type { ActivityDeps, Postbox } from '../activities/index.ts';
import { createProxmoxClient, type EndpointOptions } from '../clients/proxmox/index.ts';
import { createRemoteJobs } from '../clients/remote-job/index.ts';
import { createSmtpClient } from '../clients/smtp/index.ts';
import { createSshClient, type SshClient } from '../clients/ssh/index.ts';
import { ConfigError } from '../config/errors.ts';
import { fleetSettingsFor, hostSettingsFor, weeklySettingsFor, type PatchRequest } from '../config/patch.ts';
import type { HostConfig } from '../config/hosts-schema.ts';
import { hostAccess } from '../config/hosts.ts';
import { settingsFor } from '../config/policy.ts';
import { nutClientSettingsFor, powerClientsOf } from '../config/power-clients.ts';
import { powerOf } from '../config/power.ts';
import { MAIL_PORTS, type MailConfig } from '../config/mail-schema.ts';
import type { Config, NodeConfig } from '../config/schema.ts';
import { resolveSecret } from '../config/secrets.ts';
import { toMilliseconds } from '../domain/duration.ts';
import { shellOfHost } from './host-connections.ts';
import { upsConnection } from './ups-connection.ts';

/** How long is waited for the cluster. */
export interface Patience {
  /** Milliseconds: to connect, and for a whole answer of one node. */
  readonly api: { readonly connect: number; readonly total: number };
  /** Milliseconds between two looks. */
  readonly intervalMs: number;
}

export function patienceOf({ cluster, polling }: Config): Patience {
  const { connectTimeout, totalTimeout } = cluster.api;
  return {
    api: { connect: toMilliseconds(connectTimeout), total: toMilliseconds(totalTimeout) },
    intervalMs: toMilliseconds(polling.interval),
  };
}

/** Connections to the cluster of the configuration. Nothing is contacted yet; secrets are read when they are needed. */
export function depsFromConfig(
  config: Config,
  env: NodeJS.ProcessEnv,
  { api, intervalMs }: Patience = patienceOf(config),
): ActivityDeps & { close(): Promise<void> } {
  const { cluster, polling } = config;
  const proxmox = createProxmoxClient({
    endpoints: cluster.nodes.map((node) => endpointOf(config, node)),
    token: () => resolveSecret(cluster.api.token, env, 'cluster.api.token'),
    timeouts: api,
    pace: { taskPoll: intervalMs },
  });
  const clients = new Map(cluster.nodes.map((node) => [node.name, sshTo(config, node, env)]));
  const ssh = (name: string): SshClient => {
    const client = clients.get(name);
    if (client) return client;
    const known = [...clients.keys()].join(', ');
    throw Object.assign(
      new Error(`cluster.nodes: ${name} is part of the cluster but not configured (${known}). Add it.`),
      {
        name: 'InputError',
      },
    );
  };
  const hostNamed = (name: string): HostConfig => {
    const host = config.hosts.find((each) => each.name === name);
    if (host) return host;
    throw Object.assign(new Error(`hosts: there is none named ${name}. Add it.`), { name: 'InputError' });
  };
  const hostDoor = (name: string) => {
    const host = hostNamed(name);
    if (host.via !== 'ssh') return null;
    const { address, port } = hostAccess(config, host);
    return { address, port };
  };
  const hostShell = (name: string): HostShell => shellOfHost(config, hostNamed(name), env, { proxmox, ssh });
  const patchRequest = (input: unknown): PatchRequest => (typeof input === 'object' && input !== null ? input : {});
  return {
    settings: (input) => settingsFor(config, input),
    patchSettings: {
      host: (input) => hostSettingsFor(config, patchRequest(input)),
      fleet: (input) => fleetSettingsFor(config, patchRequest(input)),
      weekly: (input) => weeklySettingsFor(config, patchRequest(input)),
    },
    hostShell,
    hostJobs: (name) => createRemoteJobs(hostShell(name), { stateDirectory: config.hostDefaults.stateDirectory }),
    hostDoor,
    hostStateDirectory: config.hostDefaults.stateDirectory,
    proxmox,
    ssh,
    stateDirectory: cluster.stateDirectory,
    jobs: (name) => createRemoteJobs(ssh(name), { stateDirectory: cluster.stateDirectory }),
    authorization: (name, url) => authorizationOf(config, env, name, url),
    nutClients: {
      settings: (input) => nutClientSettingsFor(config, input),
      password: async () => resolveSecret(powerClientsOf(config).password, env, 'power.clients.password'),
      server: () => upsConnection(powerOf(config).ups),
    },
    postbox: config.mail === undefined ? null : postboxOf(config.mail, env),
    polling: { intervalMs, stablePolls: polling.stablePolls },
    close: () => proxmox.close(),
  };
}

async function authorizationOf({ credentials }: Config, env: NodeJS.ProcessEnv, name: string, url: string) {
  const entry = credentials.find((each) => each.name === name);
  if (!entry) throw new ConfigError(`credentials: there is none named ${name}. Add it.`);
  // The input of a run may name any address: a secret goes only where the configuration sends it.
  if (new URL(url).origin !== new URL(entry.url).origin) {
    throw new ConfigError(
      `credentials: ${name} is for ${new URL(entry.url).origin} only. Correct its url or the probe's.`,
    );
  }
  const field = `credentials (${name})`;
  if (entry.token !== undefined) return { authorization: `Bearer ${await resolveSecret(entry.token, env, field)}` };
  const password = entry.password === undefined ? '' : await resolveSecret(entry.password, env, field);
  return { authorization: `Basic ${Buffer.from(`${entry.user ?? ''}:${password}`).toString('base64')}` };
}

function endpointOf({ cluster }: Config, node: NodeConfig): EndpointOptions {
  const { fingerprint, address, port } = node.api;
  return {
    node: node.name,
    host: address ?? node.address,
    port,
    // The configuration has been checked: a node has a fingerprint, or the cluster has a CA.
    tls: fingerprint === undefined ? { caFile: cluster.api.caFile ?? '' } : { fingerprint },
  };
}

function sshTo({ cluster }: Config, node: NodeConfig, env: NodeJS.ProcessEnv): SshClient {
  const { hostKey, address, port } = node.ssh;
  return createSshClient({
    host: address ?? node.address,
    port: port ?? cluster.ssh.port,
    username: cluster.ssh.user,
    privateKey: () => resolveSecret(cluster.ssh.privateKey, env, 'cluster.ssh.privateKey'),
    hostKey: hostKey === undefined ? { knownHostsFile: cluster.ssh.knownHosts ?? '' } : { fingerprint: hostKey },
  });
}

/** Whatever may be wrong with a mail server, none may hold a try for longer than its activity may take. */
const MAIL_TIMEOUTS = { connect: 15_000, reply: 45_000, total: 120_000 } as const;

function postboxOf(mail: MailConfig, env: NodeJS.ProcessEnv): Postbox {
  const { host, port, security, from, to, caFile, user, password } = mail;
  return {
    from,
    to,
    client: createSmtpClient({
      host,
      port: port ?? MAIL_PORTS[security],
      security,
      timeouts: MAIL_TIMEOUTS,
      ...(caFile === undefined ? {} : { caFile }),
      ...(user === undefined || password === undefined
        ? {}
        : { login: { user, password: () => resolveSecret(password, env, 'mail.password') } }),
    }),
  };
}
