import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createLab, referenceSite, smallSite } from './index.ts';
import type { Lab, LabOptions, Site } from './index.ts';
import { showMails } from './mail/show.ts';

const USAGE = `Starts the lab alone: a Proxmox VE cluster on loopback, until Ctrl-C.

  --scale <n>       virtual seconds per real second (default 20)
  --nodes <n>       a small site of n nodes instead of the reference site
  --qdevice         with a QDevice as an additional voter
  --ha              with every guest under HA
  --directory <dir> keys, certificates and credentials; the same one gives the same ones
  --port <n>        API port of the first node, the others follow (default: free ports)
  --help            this text

  mail [number]     shows the mails that the lab has taken; more with mail --help
`;

interface Flags {
  readonly scale: number;
  readonly nodes: number | undefined;
  readonly qdevice: boolean;
  readonly ha: boolean;
  readonly directory: string;
  readonly port: number;
}

/** @throws Error naming the flag that is wrong */
function readFlags(args: readonly string[]): Flags | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scale: { type: 'string', default: '20' },
      nodes: { type: 'string' },
      qdevice: { type: 'boolean', default: false },
      ha: { type: 'boolean', default: false },
      directory: { type: 'string', default: join('.caretaker', 'lab-alone') },
      port: { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    scale: positive('--scale', values.scale),
    nodes: values.nodes === undefined ? undefined : integer('--nodes', values.nodes, 1, 32),
    qdevice: values.qdevice,
    ha: values.ha,
    directory: resolve(values.directory),
    port: integer('--port', values.port, 0, 65_000),
  };
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${flag}: must be a number above 0, got '${text}'`);
  return value;
}

function integer(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`${flag}: must be a whole number from ${least} to ${most}, got '${text}'`);
}

function chooseSite({ nodes, qdevice, ha }: Flags): Site {
  if (nodes !== undefined) return smallSite({ nodes, qdevice, ha });
  const site = referenceSite({ qdevice });
  return ha ? { ...site, guests: site.guests.map((guest) => ({ ...guest, ha: 'started' })) } : site;
}

/** Everything a person needs to talk to the lab, ready to copy. */
function sheet(lab: Lab, flags: Flags): string {
  const { access } = lab;
  const [first] = access.nodes;
  const ssh = `ssh -i ${access.ssh.privateKeyFile} -o UserKnownHostsFile=${access.knownHostsFile}`;
  const api = `https://${first?.api.host}:${first?.api.port}/api2/json`;
  const token = `'Authorization: PVEAPIToken=${access.token.id}=${access.token.secret}'`;
  return [
    `Cluster ${access.cluster}: ${access.nodes.length} nodes, ${access.guests.length} guests, time runs ${flags.scale} times as fast.`,
    '',
    ...access.nodes.flatMap(({ name, api: { host, port, fingerprint, certificateFile }, ssh: server, bmc, wake }) => [
      `${name}`,
      `  API          https://${host}:${port}`,
      `  certificate  ${certificateFile}`,
      `  SHA-256      ${fingerprint}`,
      `  SSH          ${server.host} port ${server.port}`,
      `  host key     ${server.fingerprint}`,
      `  BMC          ${bmc.host} port ${bmc.port} (IPMI 2.0, UDP)`,
      `  wakes at     ${wake.mac} by ${wake.host} port ${wake.port} (UDP)`,
    ]),
    '',
    'Guests',
    ...access.guests.map(
      ({ vmid, kind, name, node, ssh: server }) =>
        `  ${kind.padEnd(4)} ${vmid}  ${name.padEnd(22)} on ${node}${server ? `  ssh port ${server.port}` : ''}`,
    ),
    '',
    `UPS  ${access.ups.name} at ${access.ups.host} port ${access.ups.port} (NUT)`,
    '',
    'Log in',
    `  password     ${access.password.username}  ${access.password.password}`,
    `  operator     ${access.token.id}=${access.token.secret}`,
    `  observer     ${access.observerToken.id}=${access.observerToken.secret}`,
    `  NUT          ${access.ups.user}  ${access.ups.password}`,
    `  BMC          ${first?.bmc.user}  ${first?.bmc.password}`,
    `  SSH key      ${access.ssh.privateKeyFile} (user ${access.ssh.user})`,
    `  known hosts  ${access.knownHostsFile}`,
    `  authority    ${access.caFile}`,
    `  all of it    ${join(flags.directory, 'access.json')}`,
    '',
    'Try',
    `  curl --cacert ${access.caFile} -H ${token} ${api}/cluster/status`,
    `  curl --cacert ${access.caFile} -H ${token} -d command=reboot ${api}/nodes/${first?.name}/status`,
    `  upsc ${access.ups.name}@${access.ups.host}:${access.ups.port}`,
    `  ${ssh} -p ${first?.ssh.port} ${access.ssh.user}@${first?.ssh.host} pvecm status`,
    '',
    'Ctrl-C stops it.',
    '',
  ].join('\n');
}

async function main(): Promise<void> {
  const [first, ...others] = process.argv.slice(2);
  if (first === 'mail') {
    process.stdout.write(showMails(others));
    return;
  }
  const flags = readFlags(process.argv.slice(2));
  if (!flags) {
    process.stdout.write(USAGE);
    return;
  }
  const options: LabOptions = {
    directory: flags.directory,
    scale: flags.scale,
    site: chooseSite(flags),
    apiPort: flags.port,
    logFile: join(flags.directory, 'events.jsonl'),
  };
  const lab = await createLab(options);
  process.stdout.write(sheet(lab, flags));
  const keepAlive = setInterval(() => undefined, 60_000);
  const stop = () => {
    clearInterval(keepAlive);
    lab.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

function fail(error: unknown): void {
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

main().catch(fail);
