import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { createCluster } from '../../lab/cluster/cluster.ts';
import type { Cluster } from '../../lab/cluster/cluster.ts';
import { ManualClock } from '../../lab/core/clock.ts';
import type { LabContext } from '../../lab/core/context.ts';
import { EventLog } from '../../lab/core/event-log.ts';
import { FaultBoard } from '../../lab/core/faults.ts';
import type { CreateMachine, LabCommand, Machine, MachineOptions, PowerState } from '../../lab/core/machine.ts';
import type { Site } from '../../lab/site.ts';
import { Monitor } from '../../lab/monitor.ts';

/** A machine of nothing but power: no shell, no SSH, no files, so that a hand-moved clock decides everything. */
export class PlainMachine implements Machine {
  readonly id: string;
  readonly hostname: string;
  readonly ssh = { host: '127.0.0.1', port: 0, fingerprint: '', publicKey: '' };
  readonly packages: Machine['packages'];
  readonly installedPackages: Machine['installedPackages'] = [];
  readonly pinnedKernel = undefined;
  readonly nextBootKernel = undefined;
  readonly installedKernels: readonly string[];
  readonly commands = new Map<string, LabCommand>();
  power: PowerState;
  bootId: string = randomUUID();
  bootedAt: number;
  readonly #context: LabContext;
  readonly #options: MachineOptions;
  readonly #powerListeners: ((power: PowerState) => void)[] = [];
  readonly #hooks: ((options: { reboot: boolean }) => Promise<void>)[] = [];
  readonly #configured: ((name: string, version: string) => void)[] = [];
  #waiters: (() => void)[] = [];
  #epoch = 0;
  #hasPower = () => true;

  constructor(context: LabContext, options: MachineOptions) {
    this.#context = context;
    this.#options = options;
    this.id = options.id;
    this.hostname = options.hostname;
    this.packages = [];
    this.installedKernels = options.kernels ?? [];
    this.power = options.on === false ? 'off' : 'on';
    this.bootedAt = context.clock.now();
  }

  get runningKernel(): string {
    return this.#options.hostKernel?.() ?? this.installedKernels.at(-1) ?? '6.14.8-2-pve';
  }

  powerOn(): void {
    if (this.power !== 'off' || !this.#hasPower()) return;
    this.#set('booting', 'boot');
    this.#later(this.#options.bootMs, () => {
      this.bootId = randomUUID();
      this.bootedAt = this.#context.clock.now();
      this.#set('on', 'up');
    });
  }

  suppliedBy(hasPower: () => boolean): void {
    this.#hasPower = hasPower;
  }

  powerCut(): void {
    if (this.power === 'off') return;
    this.#set('off', 'off');
    for (const resolve of this.#waiters) resolve();
    this.#waiters = [];
  }

  shutdown({ reboot }: { reboot: boolean; actor: string }): Promise<void> {
    if (this.power === 'off') return Promise.resolve();
    const off = new Promise<void>((resolve) => this.#waiters.push(resolve));
    if (this.power === 'on') void this.#goDown(reboot);
    return off;
  }

  async #goDown(reboot: boolean): Promise<void> {
    this.#set('shutting-down', 'shutdown');
    const epoch = this.#epoch;
    for (const hook of this.#hooks) await hook({ reboot });
    if (epoch !== this.#epoch) return;
    this.#later(this.#options.shutdownMs, () => {
      this.powerCut();
      if (reboot) this.powerOn();
    });
  }

  refreshPackages(print: (line: string) => void): Promise<void> {
    print('Reading package lists...');
    return Promise.resolve();
  }

  onPower(listener: (power: PowerState) => void): () => void {
    this.#powerListeners.push(listener);
    return () => undefined;
  }

  onShutdown(hook: (options: { reboot: boolean }) => Promise<void>): () => void {
    this.#hooks.push(hook);
    return () => undefined;
  }

  onPackageConfigured(listener: (name: string, version: string) => void): () => void {
    this.#configured.push(listener);
    return () => undefined;
  }

  /** Tells listeners that an upgrade configured a package. */
  configure(name: string, version: string): void {
    for (const listener of this.#configured) listener(name, version);
  }

  command(name: string, run: LabCommand): void {
    this.commands.set(name, run);
  }

  exec(line: string): Promise<{ code: number; stdout: string; stderr: string }> {
    return Promise.resolve({ code: 0, stdout: `${line}\n`, stderr: '' });
  }

  publish(): void {
    throw new Error('a plain machine has no packages');
  }

  copyDisks(): ReturnType<Machine['copyDisks']> {
    return Promise.resolve({ restore: () => Promise.resolve(), drop: () => undefined });
  }

  holdDpkgLock(): () => void {
    throw new Error('a plain machine has no packages');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #later(ms: number, fn: () => void): void {
    const epoch = this.#epoch;
    this.#context.clock.after(ms, () => {
      if (epoch === this.#epoch) fn();
    });
  }

  #set(power: PowerState, verb: string): void {
    this.power = power;
    this.#epoch++;
    const noun = this.id.startsWith('node/') ? 'node' : 'machine';
    this.#context.log.record('lab', `${noun}.${verb}`, this.id);
    for (const listener of this.#powerListeners) listener(power);
  }
}

export function plainMachines(context: LabContext): CreateMachine {
  return (options) => Promise.resolve(new PlainMachine(context, options));
}

/** A cluster on a clock that only the test moves. */
export interface StillCluster {
  readonly cluster: Cluster;
  readonly clock: ManualClock;
  readonly log: EventLog;
  readonly faults: FaultBoard;
  readonly monitor: Monitor;
}

export async function stillCluster(site: Site): Promise<StillCluster> {
  const clock = new ManualClock();
  const log = new EventLog(clock);
  const faults = new FaultBoard(log);
  const context = { clock, log, faults, directory: tmpdir() };
  const cluster = await createCluster(context, site, plainMachines(context));
  return { cluster, clock, log, faults, monitor: new Monitor(log, () => clock.now()) };
}

/** Runs one of a node's commands as its PATH has it. */
export async function runCommand(
  cluster: Cluster,
  node: string,
  name: string,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  const machine = cluster.node(node).machine as PlainMachine;
  const run = machine.commands.get(name);
  if (!run) throw new Error(`${name}: not on ${node}`);
  let [out, err] = ['', ''];
  const code = await run({
    machine,
    actor: `ssh:root@node/${node}`,
    args,
    pid: 1000,
    env: {},
    stdin: emptyInput(),
    out: (text) => {
      out += String(text);
    },
    err: (text) => {
      err += String(text);
    },
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

async function* emptyInput(): AsyncIterable<Buffer> {
  yield* [];
}
