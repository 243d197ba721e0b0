import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { LabContext } from '../core/context.ts';
import type { FaultVerdict } from '../core/faults.ts';
import type {
  CommandCall,
  DiskCopy,
  ExecOptions,
  LabCommand,
  Machine,
  MachineOptions,
  PackageSpec,
  PackageState,
  PowerState,
  SshEndpoint,
} from '../core/machine.ts';
import { defaultKernels, defaultPackages, defaultServices, REAL_PROGRAMS, withKernelPackages } from './catalog.ts';
import { builtinCommands } from './commands/index.ts';
import { Containers } from './containers.ts';
import { Kernels } from './kernels.ts';
import { PackageDatabase, toPackageState } from './packages.ts';
import { ended, kill, ProcessTable } from './processes.ts';
import { CommandRelay, linkRealPrograms } from './relay.ts';
import type { RelayedCall } from './relay.ts';
import { printRefresh } from './refresh.ts';
import { Shell } from './shell.ts';
import { SshService } from './ssh-service.ts';
import type { System } from './system.ts';
import { Units } from './units.ts';

/** From `systemctl reboot` to the start of the shutdown, virtual milliseconds. */
const REBOOT_GRACE_MS = 1000;

const NO_SSH: SshEndpoint = { host: '127.0.0.1', port: 0, fingerprint: '', publicKey: '' };

/** One computer: power, boots, disk, processes, packages and an SSH server. */
export class LabMachine implements Machine, System {
  readonly id: string;
  readonly hostname: string;
  readonly options: MachineOptions;
  readonly context: LabContext;
  readonly kernels: Kernels;
  readonly database: PackageDatabase;
  readonly units: Units;
  readonly containers: Containers | undefined;
  readonly rebootAsked = new Set<string>();
  readonly shell: Shell;
  readonly #relay: CommandRelay;
  readonly #processes: ProcessTable;
  readonly #ssh: SshService | undefined;
  readonly #commands = new Map<string, LabCommand>();
  readonly #powerListeners = new Set<(power: PowerState) => void>();
  readonly #configuredListeners = new Set<(name: string, version: string) => void>();
  readonly #shutdownHooks = new Set<(options: { reboot: boolean }) => Promise<void>>();
  readonly #offWaiters = new Set<() => void>();
  readonly #lockTimers = new Set<() => void>();
  #power: PowerState = 'off';
  #bootId: string = randomUUID();
  #bootedAt: number;
  /** Counts changes of power, so that a step planned before one does not happen after it. */
  #epoch = 0;
  #hasPower = () => true;
  #reaped: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(context: LabContext, options: MachineOptions) {
    this.id = options.id;
    this.hostname = options.hostname;
    this.options = options;
    this.context = context;
    this.#bootedAt = context.clock.now();
    const directory = join(context.directory, 'machines', options.id.replaceAll('/', '-'));
    mkdirSync(directory, { recursive: true });
    const packages = options.packages ?? defaultPackages(options.kind);
    const kernels = options.kernels ?? defaultKernels(options.kind, packages);
    this.kernels = new Kernels(kernels, options.pin);
    this.database = new PackageDatabase(context.clock, withKernelPackages(options.kind, kernels, packages));
    this.#processes = new ProcessTable(directory);
    this.#relay = new CommandRelay(directory, (call) => this.#called(call));
    const realPrograms = join(context.directory, 'real-programs');
    linkRealPrograms(realPrograms, REAL_PROGRAMS);
    this.shell = new Shell(directory, `${this.#relay.binDirectory}:${realPrograms}`, this.#processes);
    const docker = options.containers === undefined ? [] : ['containerd', 'docker'];
    this.units = new Units(context, options.id, this.#processes, [...defaultServices(options.kind), ...docker]);
    this.containers = options.containers && new Containers(context.clock, this.database, options.containers);
    if (options.ssh !== false) {
      const onDie = (reason: string) => this.powerCut(reason);
      this.#ssh = new SshService(context, { id: options.id, directory, shell: this.shell, onDie });
    }
  }

  async start(): Promise<void> {
    await this.#processes.killAll();
    this.shell.format();
    await this.#relay.start();
    for (const [name, run] of Object.entries(builtinCommands(this))) this.command(name, run);
    await this.#ssh?.prepare();
    if (this.options.on === false) return;
    this.units.boot();
    await this.#ssh?.start();
    this.#setPower('on');
  }

  get power(): PowerState {
    return this.#power;
  }

  get bootId(): string {
    return this.options.hostBootId?.() ?? this.#bootId;
  }

  get bootedAt(): number {
    return this.#bootedAt;
  }

  get runningKernel(): string {
    return this.options.hostKernel?.() ?? this.kernels.running;
  }

  get installedKernels(): readonly string[] {
    return this.kernels.installed;
  }

  get pinnedKernel(): string | undefined {
    return this.kernels.pin;
  }

  get nextBootKernel(): string | undefined {
    return this.kernels.nextBootPin;
  }

  get packages(): readonly PackageState[] {
    return this.database.pending().map(toPackageState);
  }

  get installedPackages(): readonly PackageState[] {
    return this.database
      .all()
      .filter((item) => item.installed !== undefined)
      .map(toPackageState);
  }

  get ssh(): SshEndpoint {
    return this.#ssh?.endpoint ?? NO_SSH;
  }

  powerOn({ kernel = this.kernels.next }: { kernel?: string } = {}): void {
    if (this.#power !== 'off' || this.#closed || !this.#hasPower()) return;
    const verdict = this.context.faults.consult({ at: 'node', machine: this.id, step: 'boot' });
    if (verdict?.do === 'drop' || verdict?.do === 'die') return;
    this.#setPower('booting');
    void this.#boot(kernel, this.#epoch, verdict);
  }

  suppliedBy(hasPower: () => boolean): void {
    this.#hasPower = hasPower;
  }

  powerCut(reason: string): void {
    if (this.#power === 'off') return;
    this.#record('lab', 'off', { reason });
    this.#goDown();
  }

  shutdown(options: { reboot: boolean; actor: string }): Promise<void> {
    if (this.#power === 'off') return Promise.resolve();
    const off = new Promise<void>((resolve) => this.#offWaiters.add(resolve));
    if (this.#power === 'on') void this.#shutDown(options);
    // A machine that is still booting obeys once it is up, as with an ACPI power button.
    else if (this.#power === 'booting') this.#whenOn(() => void this.#shutDown(options));
    return off;
  }

  requestShutdown(options: { reboot: boolean; actor: string; command: string }): void {
    const { reboot, actor, command } = options;
    this.context.log.record(actor, reboot ? 'reboot.request' : 'shutdown.request', this.id, { command });
    const epoch = this.#epoch;
    this.context.clock.after(REBOOT_GRACE_MS, () => {
      if (epoch === this.#epoch) void this.shutdown({ reboot, actor });
    });
  }

  async refreshPackages(print: (line: string) => void): Promise<void> {
    const code = await printRefresh(this, print, new AbortController().signal);
    if (code !== 0) throw new Error(`command 'apt-get update' failed: exit code ${code}`);
  }

  onPower(listener: (power: PowerState) => void): () => void {
    this.#powerListeners.add(listener);
    return () => this.#powerListeners.delete(listener);
  }

  onShutdown(hook: (options: { reboot: boolean }) => Promise<void>): () => void {
    this.#shutdownHooks.add(hook);
    return () => this.#shutdownHooks.delete(hook);
  }

  onPackageConfigured(listener: (name: string, version: string) => void): () => void {
    this.#configuredListeners.add(listener);
    return () => this.#configuredListeners.delete(listener);
  }

  packageConfigured(name: string, version: string, actor: string): void {
    this.context.log.record(actor, 'package.configured', this.id, { package: name, version });
    for (const listener of [...this.#configuredListeners]) listener(name, version);
  }

  command(name: string, run: LabCommand): void {
    this.#commands.set(name, run);
    this.#relay.install(name);
  }

  async exec(line: string, options: ExecOptions = {}): Promise<{ code: number; stdout: string; stderr: string }> {
    if (this.#power !== 'on' && this.#power !== 'shutting-down')
      throw new Error(`${this.id} is ${this.#power}: power it on before running a command`);
    const { child, session } = this.shell.start(line, { actor: options.actor ?? `exec:root@${this.id}` });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout.on('data', (chunk: Buffer) => (options.out ? options.out(chunk) : output.stdout.push(chunk)));
    child.stderr.on('data', (chunk: Buffer) => (options.err ? options.err(chunk) : output.stderr.push(chunk)));
    child.stdin.on('error', () => undefined);
    const onAbort = () => void this.#processes.killAll(session);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    if (options.signal?.aborted) onAbort();
    void feed(child.stdin, options.stdin);
    const { code, signal } = await ended(child);
    options.signal?.removeEventListener('abort', onAbort);
    return {
      // As a shell tells of a command that a signal has ended.
      code: code ?? 128 + (signal ? constants.signals[signal] : 0),
      stdout: Buffer.concat(output.stdout).toString(),
      stderr: Buffer.concat(output.stderr).toString(),
    };
  }

  publish(packages: readonly PackageSpec[]): void {
    this.database.publish(packages);
  }

  async copyDisks(): Promise<DiskCopy> {
    const files = await this.shell.copyFiles();
    const packages = this.database.save();
    const kernels = this.kernels.save();
    return {
      restore: async () => {
        if (this.#power !== 'off') throw new Error(`${this.id} is ${this.#power}: power it off before restoring disks`);
        // What has just been killed may still write.
        await this.#reaped;
        await files.restore();
        this.database.load(packages);
        this.kernels.load(kernels);
      },
      drop: () => files.drop(),
    };
  }

  holdDpkgLock(ms: number, holder = 'unattended-upgr'): () => void {
    const release = this.database.tryLock({ pid: 10_000 + Math.floor(Math.random() * 20_000), command: holder });
    if (!release) throw new Error(`${this.id}: the dpkg lock is already held; wait for its holder first`);
    const cancel = this.context.clock.after(ms, release);
    const letGo = () => {
      cancel();
      release();
      this.#lockTimers.delete(letGo);
    };
    this.#lockTimers.add(letGo);
    return letGo;
  }

  async close(): Promise<void> {
    if (!this.#closed && this.#power !== 'off') this.#goDown();
    this.#closed = true;
    await this.#reaped;
    this.#relay.close();
  }

  async #boot(kernel: string, epoch: number, verdict: FaultVerdict | undefined): Promise<void> {
    this.#record('lab', 'boot', { kernel });
    const { clock, faults } = this.context;
    await clock.sleep(this.options.bootMs + (verdict?.do === 'delay' ? verdict.ms : 0));
    await this.#reaped;
    if (epoch !== this.#epoch) return;
    const up = faults.consult({ at: 'node', machine: this.id, step: 'up', kernel });
    if (up?.do === 'die') return this.powerCut('fault');
    if (up?.do === 'drop') return;
    if (up?.do === 'delay') await clock.sleep(up.ms);
    if (epoch !== this.#epoch) return;
    this.#bootId = randomUUID();
    this.#bootedAt = clock.now();
    this.kernels.booted(kernel);
    this.rebootAsked.clear();
    this.units.boot();
    this.containers?.boot();
    await this.#ssh?.start();
    if (epoch !== this.#epoch) return this.#ssh?.stop();
    this.#setPower('on');
    this.#record('lab', 'up', { bootId: this.bootId, kernel: this.runningKernel });
  }

  async #shutDown({ reboot, actor }: { reboot: boolean; actor: string }): Promise<void> {
    const epoch = this.#epoch;
    const { clock, faults } = this.context;
    const verdict = faults.consult({ at: 'node', machine: this.id, step: 'shutdown' });
    if (verdict?.do === 'die') return this.powerCut('fault');
    if (verdict?.do === 'drop') return;
    if (verdict?.do === 'delay') await clock.sleep(verdict.ms);
    if (epoch !== this.#epoch) return;
    this.#record(actor, 'shutdown', { reboot });
    this.#setPower('shutting-down');
    const shuttingDown = this.#epoch;
    await Promise.allSettled([...this.#shutdownHooks].map((hook) => hook({ reboot })));
    if (shuttingDown !== this.#epoch) return;
    this.#ssh?.stop();
    this.#processes.signal('SIGTERM');
    await clock.sleep(this.options.shutdownMs);
    if (shuttingDown !== this.#epoch) return;
    const last = faults.consult({ at: 'node', machine: this.id, step: 'off' });
    if (last?.do === 'drop') return;
    if (last?.do === 'delay') await clock.sleep(last.ms);
    if (shuttingDown !== this.#epoch) return;
    this.#record('lab', 'off', { reason: reboot ? 'reboot' : 'shutdown' });
    this.#goDown();
    if (reboot) this.powerOn();
  }

  /** Nothing of the running system is left after this, except for processes that take a moment to die. */
  #goDown(): void {
    this.#ssh?.stop();
    this.#processes.signal('SIGKILL');
    this.units.powerLost();
    this.#relay.abandon();
    for (const letGo of [...this.#lockTimers]) letGo();
    this.#reaped = this.#processes.killAll();
    this.#setPower('off');
    for (const resolve of this.#offWaiters) resolve();
    this.#offWaiters.clear();
  }

  #setPower(power: PowerState): void {
    this.#power = power;
    this.#epoch++;
    for (const listener of [...this.#powerListeners]) listener(power);
  }

  #whenOn(then: () => void): void {
    const remove = this.onPower((power) => {
      remove();
      if (power === 'on') then();
    });
  }

  #record(actor: string, what: 'shutdown' | 'off' | 'boot' | 'up', detail: Record<string, unknown> = {}): void {
    const noun = this.id.startsWith('node/') ? 'node' : 'machine';
    this.context.log.record(actor, `${noun}.${what}`, this.id, detail);
  }

  /** A lab command was called: faults first and last, the command in between. */
  async #called(call: RelayedCall): Promise<number> {
    const run = this.#commands.get(call.name);
    if (!run) throw new Error(`${call.name}: no such lab command`);
    const actor = call.env['LAB_ACTOR'] ?? 'unknown';
    this.context.log.record(actor, 'command.run', this.id, { name: call.name, args: call.args, pid: call.pid });
    const before = await this.#faulted('before', call);
    if (before !== undefined) return before;
    const code = await run(this.#toCommandCall(call, actor));
    return (await this.#faulted('after', call)) ?? code;
  }

  #toCommandCall(call: RelayedCall, actor: string): CommandCall {
    return {
      machine: this,
      actor,
      pid: call.pid,
      args: call.args,
      env: call.env,
      stdin: call.stdin,
      signal: call.signal,
      out: (output) => call.out(output),
      err: (output) => call.err(output),
    };
  }

  /** The exit code a fault puts in place of the command's, if any. */
  async #faulted(phase: 'before' | 'after', call: RelayedCall): Promise<number | undefined> {
    const point = { at: 'command', phase, machine: this.id, name: call.name, argv: call.args } as const;
    const verdict = this.context.faults.consult(point);
    switch (verdict?.do) {
      case 'delay':
        await this.context.clock.sleep(verdict.ms, call.signal);
        return undefined;
      case 'drop':
        this.#processes.cut(call.env['LAB_SESSION']);
        kill(call.pid, 'SIGKILL');
        return 255;
      case 'error':
        call.err(`${verdict.reason}\n`);
        return verdict.status ?? 1;
      case 'lie':
        call.out(String(verdict.body));
        return 0;
      case 'die':
        this.powerCut('fault');
        return 255;
      default:
        return undefined;
    }
  }
}

async function feed(stdin: NodeJS.WritableStream, source: AsyncIterable<Buffer> | undefined): Promise<void> {
  for await (const chunk of source ?? []) stdin.write(chunk);
  stdin.end();
}
