import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, inject } from 'vitest';
import { createNutClient, type NutClient, type NutClientOptions } from '../../../clients/nut/index.ts';
import { freePort } from '../../../scripts/temporal/ports.ts';
import type {} from '../../helpers/provided.ts';
import { run } from './run.ts';
import type { Site } from './site.ts';

/** Of upsd, where no other can be. */
export const NUT_PORT = 3493;
const READY_WITHIN_MS = 20_000;
const FOLDERS = ['lib/nut', 'usr/lib/nut', 'usr/sbin', 'usr/bin', 'sbin', 'bin'];

/** The programs of an unpacked NUT. */
export interface NutPrograms {
  readonly path: (name: string) => string;
  readonly env: NodeJS.ProcessEnv;
}

export async function nutPrograms(root: string): Promise<NutPrograms> {
  const libraries: string[] = [];
  for (const folder of ['lib', 'usr/lib'].map((each) => join(root, each))) {
    const names = existsSync(folder) ? await readdir(folder) : [];
    libraries.push(...names.filter((name) => name.endsWith('-linux-gnu')).map((name) => join(folder, name)));
  }
  return {
    path(name) {
      const found = FOLDERS.map((folder) => join(root, folder, name)).find((file) => existsSync(file));
      if (found === undefined) throw new Error(`There is no ${name} among the packages of NUT in ${root}.`);
      return found;
    },
    env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') },
  };
}

/** A daemon in the foreground. */
export interface Daemon {
  freeze(): void;
  thaw(): void;
  /** SIGHUP: it reads its configuration again. */
  reload(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  start(): void;
}

/** Debian's upsd with one UPS that is a file (dummy-ups), all in a folder of its own. */
export interface RealNut {
  readonly port: number;
  readonly driver: Daemon;
  readonly upsd: Daemon;
  /** Certificate of upsd, as PEM text. */
  readonly ca: string;
  /** What the UPS says from now on. */
  say(variables: Readonly<Record<string, string>>): Promise<void>;
  /** A client of it as the user who may set and command, closed with it. */
  client(options?: Partial<NutClientOptions>): NutClient;
  /** Waits until it says that the status is this one. */
  ready(status: string): Promise<void>;
  close(): Promise<void>;
}

export const PASSWORD = 'correct horse "battery" #1';
/** Of the users `nodes` and `primary`, with what upsmon can send. */
export const NODES_PASSWORD = "correct-horse:battery'1$%&";

/** A block of tests with a real NUT; skipped where there can be none. */
export function describeWithNut(name: string, tests: (root: string) => void): void {
  const root = inject('nut');
  describe.runIf(root !== null)(name, () => tests(root ?? ''));
}

/** @param site Where it listens for the hosts of a site, instead of here; a client reaches it all the same. */
export async function startNut(root: string, site?: Site): Promise<RealNut> {
  const programs = await nutPrograms(root);
  const folder = await mkdtemp(join(tmpdir(), 'caretaker-nut-'));
  const address = site?.address ?? '127.0.0.1';
  const ownPort = site === undefined ? await freePort() : NUT_PORT;
  const port = site === undefined ? ownPort : await site.forward(address, ownPort);
  const device = join(folder, 'ups.dev');
  const ca = await configure(folder, programs, { address, port: ownPort, device });
  const env = { ...programs.env, NUT_CONFPATH: folder, NUT_STATEPATH: folder, NUT_ALTPIDPATH: folder };
  const driver = daemon([programs.path('dummy-ups'), '-a', 'ups', '-u', 'root', '-F'], env, site);
  const upsd = daemon([programs.path('upsd'), '-u', 'root', '-F'], env, site);
  const clients: NutClient[] = [];

  function client(options: Partial<NutClientOptions> = {}): NutClient {
    const login = { username: 'operator', password: () => Promise.resolve(PASSWORD) };
    const made = createNutClient({ host: '127.0.0.1', port, tls: 'off', ...login, ...options });
    clients.push(made);
    return made;
  }
  async function say(variables: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(variables).map(([name, value]) => `${name}: ${value}\n`);
    await writeFile(`${device}.new`, lines.join(''));
    await rename(`${device}.new`, device);
  }
  async function ready(status: string): Promise<void> {
    const own = client();
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const found = await own.variable('ups', 'ups.status').catch(String);
      if (found === status) return own.close();
      if (Date.now() > deadline) throw new Error(`The UPS is not ${status}: ${found}\n${driver.log()}\n${upsd.log()}`);
      await delay(50);
    }
  }
  async function close(): Promise<void> {
    for (const each of clients) each.close();
    await Promise.all([driver.kill(), upsd.kill()]);
    await rm(folder, { recursive: true });
  }
  try {
    await say({ 'ups.status': 'OL', 'battery.charge': '100', 'battery.runtime': '1500', 'ups.load': '20' });
    driver.start();
    upsd.start();
    await ready('OL');
  } catch (error) {
    await close();
    throw error;
  }
  return { port, driver, upsd, ca, say, client, ready, close };
}

async function configure(
  folder: string,
  programs: NutPrograms,
  { address, port, device }: { readonly address: string; readonly port: number; readonly device: string },
): Promise<string> {
  const certificates = join(folder, 'nss');
  await mkdir(certificates, { mode: 0o700 });
  const files = {
    'ups.conf': `[ups]\ndriver = dummy-ups\nport = ${device}\nmode = dummy-loop\npollinterval = 1\ndesc = "The \\"real\\" one"\n`,
    'upsd.conf':
      `LISTEN ${address} ${port}\nMAXAGE 3\nSTATEPATH ${folder}\n` +
      `CERTPATH ${certificates}\nCERTIDENT "ups" "certificates"\nDISABLE_WEAK_SSL true\n`,
    'upsd.users':
      `[operator]\npassword = ${inConfig(PASSWORD)}\nactions = SET\nactions = FSD\ninstcmds = ALL\n` +
      `[secondary]\npassword = ${inConfig(PASSWORD)}\nupsmon secondary\n` +
      `[primary]\npassword = ${inConfig(NODES_PASSWORD)}\nupsmon primary\n` +
      `[nodes]\npassword = ${inConfig(NODES_PASSWORD)}\nupsmon secondary\n`,
    password: 'certificates\n',
    noise: 'no secret is kept with this key, so that anything is noise enough for it',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o640 });
  const certutil = (...args: string[]) =>
    run([
      ...['env', `LD_LIBRARY_PATH=${programs.env['LD_LIBRARY_PATH']}`, programs.path('certutil')],
      ...[...args, '-d', certificates, '-f', join(folder, 'password')],
    ]);
  await certutil('-N');
  const server = ['-n', 'ups', '-s', 'CN=localhost', '--extSAN', 'dns:localhost,ip:127.0.0.1'];
  await certutil('-S', '-x', ...server, '-t', 'CT,C,C', '-k', 'ec', '-q', 'nistp256', '-z', join(folder, 'noise'));
  return certutil('-L', '-n', 'ups', '-a');
}

/** A value in a file of NUT, where `#` begins a comment in quotes as well. */
function inConfig(value: string): string {
  return `"${value.replaceAll(/["#\\]/g, '\\$&')}"`;
}

/** A program that runs in the foreground until it is killed. */
export function daemon(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  site?: Site,
): Daemon & { readonly log: () => string } {
  let child: ChildProcess | undefined;
  let log = '';
  return {
    log: () => log,
    start() {
      // It ends with the test, however that ends.
      const bound = ['--pdeathsig', 'KILL', '--', ...argv];
      child =
        site === undefined
          ? spawn('setpriv', bound, { env, stdio: ['ignore', 'pipe', 'pipe'] })
          : site.spawn(
              ['env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), 'setpriv', ...bound],
              'nut',
            );
      const keep = (text: Buffer): void => void (log = `${log}${text.toString()}`.slice(-4_000));
      child.stdout?.on('data', keep);
      child.stderr?.on('data', keep);
      child.on('error', (error) => keep(Buffer.from(String(error))));
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    reload: () => void child?.kill('SIGHUP'),
    async kill() {
      const dying = child;
      child = undefined;
      if (dying?.pid === undefined || dying.exitCode !== null || dying.signalCode !== null) return;
      const gone = once(dying, 'exit');
      dying.kill('SIGKILL');
      await gone;
    },
  };
}

/** An upsmon that asks once a second and writes down what it has to say, and that it would shut down. */
export interface RealUpsmon extends Daemon {
  /** Kinds of notices such as `ONBATT`, and `SHUTDOWN` for its shutdown command, oldest first. */
  notices(): Promise<readonly string[]>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

const NOTICES = ['ONLINE', 'ONBATT', 'LOWBATT', 'FSD', 'COMMOK', 'COMMBAD', 'SHUTDOWN', 'NOCOMM'];

export async function startUpsmon(
  root: string,
  monitor: {
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly role: 'primary' | 'secondary';
    /** Seconds that a primary waits for others to log out (default 2). */
    readonly hostSync?: number;
    /** Seconds between two looks (default 1). */
    readonly pollFreq?: number;
  },
): Promise<RealUpsmon> {
  const programs = await nutPrograms(root);
  const folder = await mkdtemp(join(tmpdir(), 'caretaker-upsmon-'));
  const notices = join(folder, 'notices');
  const notify = join(folder, 'notify.sh');
  await writeFile(notify, `#!/bin/sh\necho "$NOTIFYTYPE" >>${notices}\n`);
  await chmod(notify, 0o755);
  const { port, user, password, role, hostSync = 2, pollFreq = 1 } = monitor;
  const lines = [
    `MONITOR ups@127.0.0.1:${port} 1 ${user} ${inConfig(password)} ${role}`,
    'MINSUPPLIES 1',
    `SHUTDOWNCMD "echo SHUTDOWNCMD >>${notices}"`,
    `NOTIFYCMD ${notify}`,
    `POWERDOWNFLAG ${folder}/killpower`,
    ...[
      `POLLFREQ ${pollFreq}`,
      `POLLFREQALERT ${pollFreq}`,
      `HOSTSYNC ${hostSync}`,
      'DEADTIME 5',
      'FINALDELAY 0',
      'RUN_AS_USER root',
    ],
    ...NOTICES.map((notice) => `NOTIFYFLAG ${notice} EXEC`),
  ];
  await writeFile(join(folder, 'upsmon.conf'), lines.map((line) => `${line}\n`).join(''), { mode: 0o640 });
  // It has one name for its process file, which another one here may hold.
  const apart = 'mount -t tmpfs tmpfs /run && mkdir /run/nut && exec "$@"';
  const argv = ['unshare', '--mount', 'sh', '-c', apart, 'sh', programs.path('upsmon'), '-F', '-p'];
  const upsmon = daemon(argv, { ...programs.env, NUT_CONFPATH: folder });
  upsmon.start();
  return {
    ...upsmon,
    notices: async () => (existsSync(notices) ? (await readFile(notices, 'utf8')).trim().split('\n') : []),
    async close() {
      await upsmon.kill();
      await rm(folder, { recursive: true });
    },
  };
}
