import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { ClientChannel } from 'ssh2';
import { ManualClock, ScaledClock } from '../../lab/core/clock.ts';
import type { LabClock } from '../../lab/core/clock.ts';
import type { LabContext } from '../../lab/core/context.ts';
import { EventLog } from '../../lab/core/event-log.ts';
import type { LabEvent } from '../../lab/core/event-log.ts';
import { FaultBoard } from '../../lab/core/faults.ts';
import type { Machine, MachineOptions } from '../../lab/core/machine.ts';
import { createMachines, ensureSshClientKey } from '../../lab/machine/index.ts';

export interface Site<Clock extends LabClock> extends LabContext {
  readonly clock: Clock;
  machine(options?: Partial<MachineOptions>): Promise<Machine>;
  /** The first event of the kind that has come or will come. */
  event(action: string, when?: (event: LabEvent) => boolean): Promise<LabEvent>;
  connect(machine: Machine): Promise<Login>;
  close(): Promise<void>;
}

export interface Result {
  readonly code: number | null;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** One SSH connection of a client that checks nothing but the key. */
export interface Login {
  readonly client: ssh2.Client;
  /** Runs a line with standard input closed at once, or with the text given. */
  run(line: string, stdin?: string): Promise<Result>;
  /** Starts a line and leaves its input open. */
  open(line: string): Promise<Running>;
}

export interface Running {
  readonly channel: ClientChannel;
  /** All output so far, both streams. */
  readonly output: () => string;
  readonly result: Promise<Result>;
}

export function fastSite(scale = 1000): Site<ScaledClock> {
  return site(new ScaledClock(scale));
}

export function manualSite(): Site<ManualClock> {
  return site(new ManualClock());
}

function site<Clock extends LabClock>(clock: Clock): Site<Clock> {
  const log = new EventLog(clock);
  const directory = mkdtempSync(join(tmpdir(), 'lab machine-'));
  const context = { clock, log, faults: new FaultBoard(log), directory };
  const create = createMachines(context);
  const machines: Machine[] = [];
  const clients: ssh2.Client[] = [];
  return {
    ...context,
    async machine(options = {}) {
      const defaults = {
        id: 'node/pve1',
        hostname: 'pve1',
        kind: 'proxmox',
        bootMs: 30_000,
        shutdownMs: 5000,
      } as const;
      const machine = await create({ ...defaults, ...options });
      machines.push(machine);
      return machine;
    },
    event: (action, when = () => true) => nextEvent(log, action, when),
    async connect(machine) {
      const login = await connect(directory, machine);
      clients.push(login.client);
      return login;
    },
    async close() {
      for (const client of clients) client.destroy();
      await Promise.all(machines.map((machine) => machine.close()));
      clock.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function nextEvent(log: EventLog, action: string, when: (event: LabEvent) => boolean): Promise<LabEvent> {
  const wanted = (event: LabEvent) => event.action === action && when(event);
  const past = log.events.find(wanted);
  if (past) return Promise.resolve(past);
  return new Promise((resolve) => {
    const stop = log.subscribe((event) => {
      if (!wanted(event)) return;
      stop();
      resolve(event);
    });
  });
}

async function connect(directory: string, machine: Machine): Promise<Login> {
  const { privateKeyFile } = await ensureSshClientKey(directory);
  const client = new ssh2.Client();
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve).once('error', reject);
    client.connect({
      host: machine.ssh.host,
      port: machine.ssh.port,
      username: 'root',
      privateKey: readFileSync(privateKeyFile),
    });
  });
  // A connection that is reset is what some tests are about.
  client.on('error', () => undefined);
  const open = (line: string) => start(client, line);
  return {
    client,
    open,
    async run(line, stdin = '') {
      const running = await open(line);
      running.channel.end(stdin);
      return running.result;
    },
  };
}

function start(client: ssh2.Client, line: string): Promise<Running> {
  return new Promise((resolve, reject) => {
    client.exec(line, (error, channel) => {
      if (error) return reject(error);
      const all: string[] = [];
      const stdout: string[] = [];
      const stderr: string[] = [];
      let code: number | null = null;
      let signal: string | undefined;
      channel.setEncoding('utf8').on('data', (text: string) => all.push(text) && stdout.push(text));
      channel.stderr.setEncoding('utf8').on('data', (text: string) => all.push(text) && stderr.push(text));
      channel.on('exit', (exitCode: number | null, exitSignal?: string) => {
        code = exitCode;
        signal = exitSignal;
      });
      const result = new Promise<Result>((done) => {
        channel.once('close', () => done({ code, signal, stdout: stdout.join(''), stderr: stderr.join('') }));
      });
      resolve({ channel, output: () => all.join(''), result });
    });
  });
}

/** Waits for something real processes do, which no event tells of. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Moves virtual time on in small steps until the condition holds. */
export async function advanceUntil(clock: ManualClock, condition: () => boolean): Promise<void> {
  await until(async () => {
    if (condition()) return true;
    await clock.advance(100);
    return condition();
  });
}

/** What still runs with the site's folder in its environment, as seen from outside. */
export function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, 'utf8').includes(`LAB_MACHINE=${directory}`);
      } catch {
        return false;
      }
    })
    .map(Number);
}
