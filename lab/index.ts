import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AccessControl, AUDITOR_ROLE, OPERATOR_ROLE, type Privilege } from './api/access.ts';
import { handleRequest } from './api/dispatch.ts';
import type { ApiContext } from './api/dispatch.ts';
import { SchemaCheck } from './api/schema-check.ts';
import { NodeListener } from './api/server.ts';
import { ensureCertificates } from './certificates.ts';
import type { Certificates, NodeCertificate } from './certificates.ts';
import { createCluster } from './cluster/cluster.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { Guest } from './cluster/guests.ts';
import type { ClusterNode } from './cluster/node.ts';
import { ScaledClock } from './core/clock.ts';
import type { LabClock } from './core/clock.ts';
import type { LabContext } from './core/context.ts';
import { EventLog } from './core/event-log.ts';
import { FaultBoard } from './core/faults.ts';
import type { LoopbackUdp } from './core/loopback-udp.ts';
import type { CreateMachine, SshEndpoint } from './core/machine.ts';
import { ensureCredentials } from './credentials.ts';
import type { Credentials } from './credentials.ts';
import { MailSink } from './mail/sink.ts';
import { createMachines, ensureSshClientKey } from './machine/index.ts';
import { BMC_USERS, startBmcs } from './bmc/index.ts';
import type { BmcServer } from './bmc/index.ts';
import { Monitor } from './monitor.ts';
import { referenceSite } from './site.ts';
import type { Site } from './site.ts';
import { hangOn, NUT_USERS, startUps, type LabUps } from './ups/index.ts';
import { upsSpec } from './ups/spec.ts';
import { createWakeListener } from './wake.ts';

export { ManualClock, ScaledClock } from './core/clock.ts';
export type { LabClock } from './core/clock.ts';
export type { EventLog, LabEvent } from './core/event-log.ts';
export type { FaultBehavior, FaultBoard, FaultPoint, FaultVerdict } from './core/faults.ts';
export type { StoredMail } from './mail/message.ts';
export { MailSink, type MailSinkOptions } from './mail/sink.ts';
export type { Monitor, MonitorReport } from './monitor.ts';
export { BMC_USERS } from './bmc/index.ts';
export { NUT_USERS, type LabUps } from './ups/index.ts';
export { upsSpec, type UpsSpec } from './ups/spec.ts';
export { containerSpec, GiB, nodeSpec, referenceSite, smallSite, vmSpec } from './site.ts';
export type {
  BackupSpec,
  GuestSpec,
  HaRuleSpec,
  NodeSpec,
  ReplicationSpec,
  Site,
  SmallSiteOptions,
  StorageSpec,
} from './site.ts';

/** Operator and observer of a lab; both are privilege-separated tokens of one user. */
const OPERATOR_TOKEN = 'caretaker@pve!operator';
const OBSERVER_TOKEN = 'caretaker@pve!observer';

export interface LabOptions {
  /** Keys, certificates, credentials and machines live here and are used again by the next lab in it. */
  readonly directory: string;
  /** Virtual milliseconds per real one (default 20). Ignored when a clock is given. */
  readonly scale?: number;
  readonly clock?: LabClock;
  /** Default: the reference site. */
  readonly site?: Site;
  /** Copy of the event log as JSON lines. */
  readonly logFile?: string;
  /** API port of the first node, the others follow; 0 (default) for free ones. */
  readonly apiPort?: number;
  /** Description of the real API to hold requests and responses against (default: `PVE_API_SCHEMA`). */
  readonly strictSchemaFile?: string;
  /** Privileges that the operator's token has not. */
  readonly withoutPrivileges?: readonly Privilege[];
  /** Machines other than the lab's own, for tests of the cluster alone. */
  readonly createMachine?: CreateMachine;
}

/** How to reach everything in the lab: plain data, also in `<directory>/access.json`. */
export interface LabAccess {
  readonly cluster: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly api: {
      readonly host: string;
      readonly port: number;
      /** SHA-256, upper-case hex with colons. */
      readonly fingerprint: string;
      readonly certificateFile: string;
    };
    readonly ssh: SshEndpoint;
    /** Its management controller, for IPMI 2.0. */
    readonly bmc: { readonly host: string; readonly port: number; readonly user: string; readonly password: string };
    /** Where a magic packet wakes it: the address stands for the broadcast address of its network. */
    readonly wake: { readonly mac: string; readonly host: string; readonly port: number };
  }[];
  readonly guests: readonly {
    readonly vmid: number;
    readonly kind: 'lxc' | 'qemu';
    readonly name: string;
    readonly node: string;
    readonly template: boolean;
    readonly ssh?: SshEndpoint;
  }[];
  readonly password: { readonly username: 'root@pam'; readonly password: string };
  readonly token: { readonly id: string; readonly secret: string };
  readonly observerToken: { readonly id: string; readonly secret: string };
  readonly ssh: { readonly user: 'root'; readonly privateKeyFile: string };
  /** Mail server in clear text, for everybody. */
  readonly mail: { readonly host: string; readonly port: number };
  /** NUT server, in clear text or with STARTTLS by `caFile`, and the user who may command the UPS. */
  readonly ups: {
    readonly name: string;
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
  };
  readonly knownHostsFile: string;
  readonly caFile: string;
}

/** A running lab. */
export interface Lab {
  readonly clock: LabClock;
  readonly log: EventLog;
  readonly faults: FaultBoard;
  readonly monitor: Monitor;
  readonly cluster: Cluster;
  readonly access: LabAccess;
  /** Mail server that keeps what it gets. */
  readonly mail: MailSink;
  /** What the nodes get their power from. */
  readonly ups: LabUps;
  /** Deviations from the described API, empty without a description. */
  readonly schemaViolations: readonly string[];
  /** @throws PveError for an unknown name */
  node(name: string): ClusterNode;
  /** @throws Error for an unknown id */
  guest(vmid: number): Guest;
  /** Stops time, servers and machines. Files stay. */
  close(): Promise<void>;
}

/** Starts a lab: a Proxmox VE cluster on loopback that a client cannot tell from one over there. */
export async function createLab(options: LabOptions): Promise<Lab> {
  const { directory } = options;
  const site = options.site ?? referenceSite();
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const clock = options.clock ?? new ScaledClock(options.scale ?? 20);
  const log = new EventLog(clock);
  if (options.logFile !== undefined) log.writeTo(options.logFile);
  const context: LabContext = { clock, log, faults: new FaultBoard(log), directory };
  const certificates = await ensureCertificates(directory, [...site.nodes.map((node) => node.name), 'ups']);
  const credentials = ensureCredentials(directory);
  const { privateKeyFile } = await ensureSshClientKey(directory);
  const cluster = await createCluster(context, site, options.createMachine ?? createMachines(context));
  const monitor = new Monitor(log, () => clock.now());
  const schema = schemaCheck(options, log);
  const role = OPERATOR_ROLE.filter((privilege) => !options.withoutPrivileges?.includes(privilege));
  const api = apiContext(cluster, certificates, credentials, schema, role);
  const mail = new MailSink(context);
  await mail.start();
  const ups = await startUps(context, site.ups ?? upsSpec(), credentials, certificateOf(certificates, 'ups'));
  hangOn(ups.device, cluster);
  const bmcs = await startBmcs(context, cluster, ups.device, credentials);
  const wake = createWakeListener(cluster);
  await wake.start();
  const stopServers = async () => {
    await mail.stop();
    await ups.server.stop();
    for (const bmc of bmcs.values()) bmc.stop();
    wake.stop();
  };
  const listeners = await listen(api, certificates, options.apiPort ?? 0).catch(async (error: unknown) => {
    await stopServers();
    clock.stop();
    await cluster.close();
    throw error;
  });
  const access = describeAccess(cluster, certificates, credentials, {
    ...{ listeners, mail, ups, bmcs, wake, privateKeyFile },
  });
  writeFileSync(join(directory, 'access.json'), JSON.stringify(access, null, 2), { mode: 0o600 });
  return {
    clock,
    log,
    faults: context.faults,
    monitor,
    cluster,
    access,
    mail,
    ups,
    schemaViolations: schema?.violations ?? [],
    node: (name) => cluster.node(name),
    guest: (vmid) => {
      const guest = cluster.guests.get(vmid);
      if (!guest) throw new Error(`no guest ${vmid} in this lab; see access.guests`);
      return guest;
    },
    close: async () => {
      monitor.stop();
      clock.stop();
      for (const listener of listeners.values()) listener.close();
      await stopServers();
      await cluster.close();
    },
  };
}

function schemaCheck(options: LabOptions, log: EventLog): SchemaCheck | undefined {
  const file = options.strictSchemaFile ?? process.env['PVE_API_SCHEMA'];
  return file ? new SchemaCheck(file, log) : undefined;
}

function apiContext(
  cluster: Cluster,
  certificates: Certificates,
  credentials: Credentials,
  schema: SchemaCheck | undefined,
  role: readonly Privilege[],
): ApiContext {
  const passwords = new Map([['root@pam', credentials.rootPassword]]);
  const access = new AccessControl(cluster.clock, credentials.ticketKey, passwords);
  access.addToken(OPERATOR_TOKEN, [{ path: '/', privileges: role }], credentials.operatorSecret);
  access.addToken(OBSERVER_TOKEN, [{ path: '/', privileges: AUDITOR_ROLE }], credentials.observerSecret);
  const fingerprints = new Map([...certificates.nodes].map(([name, { fingerprint }]) => [name, fingerprint]));
  return { cluster, access, fingerprints, schema };
}

async function listen(
  api: ApiContext,
  certificates: Certificates,
  basePort: number,
): Promise<ReadonlyMap<string, NodeListener>> {
  const listeners = new Map<string, NodeListener>();
  for (const [index, node] of [...api.cluster.nodes.values()].entries()) {
    const certificate = certificateOf(certificates, node.name);
    const port = basePort === 0 ? 0 : basePort + index;
    const listener = new NodeListener(node, certificate, api.cluster.faults, port, (request, response) => {
      void handleRequest(api, node, request, response);
    });
    await listener.start();
    listeners.set(node.name, listener);
  }
  return listeners;
}

function certificateOf({ nodes }: Certificates, name: string): NodeCertificate {
  const certificate = nodes.get(name);
  if (!certificate) throw new Error(`${name}: no certificate; remove the lab's directory and start again`);
  return certificate;
}

function describeAccess(
  cluster: Cluster,
  certificates: Certificates,
  credentials: Credentials,
  servers: {
    readonly listeners: ReadonlyMap<string, NodeListener>;
    readonly mail: MailSink;
    readonly ups: LabUps;
    readonly bmcs: ReadonlyMap<string, BmcServer>;
    readonly wake: LoopbackUdp;
    readonly privateKeyFile: string;
  },
): LabAccess {
  const { listeners, mail, ups, bmcs, wake, privateKeyFile } = servers;
  const machines = [...cluster.nodes.values(), ...cluster.guests.values()].map(({ machine }) => machine);
  const knownHostsFile = join(cluster.directory, 'known_hosts');
  const lines = machines
    .filter(({ ssh }) => ssh.port !== 0)
    .map(({ ssh }) => `[${ssh.host}]:${ssh.port} ${ssh.publicKey}\n`);
  writeFileSync(knownHostsFile, lines.join(''));
  return {
    cluster: cluster.site.cluster,
    nodes: [...cluster.nodes.values()].map(({ name, machine, spec }) => ({
      name,
      api: {
        host: '127.0.0.1',
        port: listeners.get(name)?.port ?? 0,
        fingerprint: certificates.nodes.get(name)?.fingerprint ?? '',
        certificateFile: certificates.nodes.get(name)?.certificateFile ?? '',
      },
      ssh: machine.ssh,
      bmc: {
        host: '127.0.0.1',
        port: bmcs.get(name)?.port ?? 0,
        user: BMC_USERS.administrator,
        password: credentials.bmcPassword,
      },
      wake: { mac: spec.mac, host: '127.0.0.1', port: wake.port },
    })),
    guests: [...cluster.guests.values()].map(({ vmid, spec, node, machine }) => ({
      vmid,
      kind: spec.kind,
      name: spec.name,
      node,
      template: spec.template,
      ...(machine.ssh.port === 0 ? {} : { ssh: machine.ssh }),
    })),
    password: { username: 'root@pam', password: credentials.rootPassword },
    token: { id: OPERATOR_TOKEN, secret: credentials.operatorSecret },
    observerToken: { id: OBSERVER_TOKEN, secret: credentials.observerSecret },
    ssh: { user: 'root', privateKeyFile },
    mail: { host: '127.0.0.1', port: mail.port },
    ups: {
      name: ups.device.spec.name,
      host: '127.0.0.1',
      port: ups.server.port,
      user: NUT_USERS.operator,
      password: credentials.upsPassword,
    },
    knownHostsFile,
    caFile: certificates.caFile,
  };
}
