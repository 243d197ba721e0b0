import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import type { LabContext } from '../core/context.ts';
import type { ProcessTable, Session } from './processes.ts';
import { ended } from './processes.ts';

export type UnitState = 'active' | 'deactivating' | 'inactive' | 'failed';
export type UnitResult = 'success' | 'exit-code' | 'signal' | 'timeout';

/** A loaded unit: a service of the distribution, or a transient one started by systemd-run. */
export interface Unit {
  readonly name: string;
  description: string;
  readonly transient: boolean;
  state: UnitState;
  result: UnitResult;
  mainPid: number;
  /** siginfo's si_code: 1 exited, 2 killed; 0 while it has not ended. */
  exitCode: 0 | 1 | 2;
  exitStatus: number;
  /** Virtual milliseconds. */
  activeSince: number;
  changedAt: number;
  readonly invocationId: string;
  /** -G: unload even when failed. */
  readonly collect: boolean;
  readonly remainAfterExit: boolean;
}

export interface TransientUnit {
  readonly name: string;
  readonly description: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly collect: boolean;
  readonly remainAfterExit: boolean;
  /** Virtual milliseconds; 0 for no limit. */
  readonly runtimeMaxMs: number;
  readonly stopTimeoutMs: number;
}

/** One line of the journal; `at` in virtual milliseconds, `tag` as `program[pid]`. */
export interface JournalLine {
  readonly at: number;
  readonly tag: string;
  readonly text: string;
}

export class UnitLoadedError extends Error {}

/** Signals by number, as the exit status of a killed service shows them. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

interface Running {
  readonly session: Session;
  readonly unit: Unit;
  readonly done: Promise<void>;
  stop(): void;
}

/** What systemd does for a machine: services, transient units with their cgroup, and the journal. */
export class Units {
  readonly #context: LabContext;
  readonly #machineId: string;
  readonly #processes: ProcessTable;
  readonly #services: readonly string[];
  readonly #units = new Map<string, Unit>();
  readonly #running = new Map<string, Running>();
  readonly #journal = new Map<string, JournalLine[]>();
  #bootCount = 0;

  constructor(context: LabContext, machineId: string, processes: ProcessTable, services: readonly string[]) {
    this.#context = context;
    this.#machineId = machineId;
    this.#processes = processes;
    this.#services = services;
  }

  /** The state after a boot: the distribution's services run, transient units are gone. */
  boot(): void {
    this.#bootCount++;
    this.#units.clear();
    this.#running.clear();
    this.#journal.clear();
    for (const service of this.#services) this.#units.set(`${service}.service`, this.#service(`${service}.service`));
  }

  /** Power is gone: no unit ends in order any more. */
  powerLost(): void {
    this.#bootCount++;
    for (const { unit } of this.#running.values()) this.#record('unit.end', unit, { result: 'power-lost' });
    this.#units.clear();
    this.#running.clear();
  }

  list(): Unit[] {
    return [...this.#units.values()];
  }

  get(name: string): Unit | undefined {
    return this.#units.get(fullName(name));
  }

  journal(name: string): readonly JournalLine[] {
    return this.#journal.get(fullName(name)) ?? [];
  }

  /** Starts a transient service. Rejects with UnitLoadedError when the name is taken; `spawn` errors pass through. */
  start(spec: TransientUnit): Unit {
    const name = fullName(spec.name);
    if (this.#units.has(name)) {
      throw new UnitLoadedError(`Unit ${name} was already loaded or has a fragment file.`);
    }
    const unit = { ...this.#service(name), transient: true, description: spec.description, collect: spec.collect };
    const started: Unit = { ...unit, remainAfterExit: spec.remainAfterExit };
    this.#units.set(name, started);
    this.#run(started, spec);
    return started;
  }

  /** Stops a unit and resolves when it is down; its processes get SIGTERM, later SIGKILL. */
  async stop(name: string): Promise<void> {
    const running = this.#running.get(fullName(name));
    if (running) {
      running.stop();
      return running.done;
    }
    const unit = this.get(name);
    if (!unit) return;
    this.#change(unit, 'inactive');
    if (unit.transient) this.#units.delete(unit.name);
  }

  startService(name: string): void {
    const unit = this.get(name);
    if (unit) this.#change(unit, 'active');
  }

  signal(name: string, signal: NodeJS.Signals): void {
    const running = this.#running.get(fullName(name));
    if (running) this.#processes.signal(signal, running.session);
  }

  resetFailed(name?: string): void {
    for (const unit of this.list()) {
      if (unit.state !== 'failed' || (name !== undefined && unit.name !== fullName(name))) continue;
      if (unit.transient) this.#units.delete(unit.name);
      else this.#change(unit, 'inactive');
    }
  }

  /** Resolves when the unit has ended, at once when it is not running. */
  async finished(name: string): Promise<void> {
    await this.#running.get(fullName(name))?.done;
  }

  #run(unit: Unit, spec: TransientUnit): void {
    const boot = this.#bootCount;
    const session = this.#processes.open(`unit:${unit.name}`);
    const child = this.#processes.spawn(session, spec.argv, { env: spec.env, cwd: spec.cwd });
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined).end();
    for (const stream of [child.stdout, child.stderr]) {
      stream
        .setEncoding('utf8')
        .on('data', (text: string) => this.#log(unit.name, `${programOf(spec)}[${child.pid ?? 0}]`, text));
    }
    unit.mainPid = child.pid ?? 0;
    this.#record('unit.start', unit, { argv: spec.argv, pid: unit.mainPid });
    let timedOut = false;
    let stopping = false;
    let cancelKill: () => void = () => undefined;
    const terminate = () => {
      if (unit.state === 'active') this.#change(unit, 'deactivating');
      this.#processes.signal('SIGTERM', session);
      cancelKill = this.#context.clock.after(spec.stopTimeoutMs, () => this.#processes.signal('SIGKILL', session));
    };
    const cancelLimit =
      spec.runtimeMaxMs === 0
        ? () => undefined
        : this.#context.clock.after(spec.runtimeMaxMs, () => {
            timedOut = true;
            this.#log(unit.name, 'systemd[1]', `${unit.name}: Service runtime timed out. Stopping.\n`);
            terminate();
          });
    const closed = child.pid === undefined ? Promise.resolve() : ended(child);
    // `exit` and not `close`: systemd looks at the main process and then kills what it left behind in the cgroup.
    const exited = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.once('exit', (code, signal) => resolve([code, signal]));
      child.once('error', () => resolve([203, null]));
    });
    const done = exited.then(async ([code, signal]) => {
      cancelLimit();
      await this.#processes.killAll(session);
      // A process that cleared its environment is not found, and must not keep the unit from ending.
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500))]);
      cancelKill();
      if (boot !== this.#bootCount) return;
      this.#running.delete(unit.name);
      this.#end(unit, code, signal, { timedOut, stopping });
    });
    const stop = () => {
      if (stopping) return;
      stopping = true;
      terminate();
    };
    this.#running.set(unit.name, { session, unit, done, stop });
  }

  #end(
    unit: Unit,
    code: number | null,
    signal: NodeJS.Signals | null,
    how: { timedOut: boolean; stopping: boolean },
  ): void {
    unit.mainPid = 0;
    unit.exitCode = signal ? 2 : 1;
    unit.exitStatus = signal ? (SIGNAL_NUMBERS[signal] ?? 15) : (code ?? 0);
    unit.result = resultOf(code, signal, how);
    const state = unit.result !== 'success' ? 'failed' : unit.remainAfterExit && !how.stopping ? 'active' : 'inactive';
    this.#change(unit, state);
    this.#record('unit.end', unit, { result: unit.result, code, signal });
    if (state === 'inactive' || (state === 'failed' && unit.collect)) this.#units.delete(unit.name);
  }

  #change(unit: Unit, state: UnitState): void {
    unit.state = state;
    unit.changedAt = this.#context.clock.now();
    if (state === 'active') unit.activeSince = unit.changedAt;
  }

  #service(name: string): Unit {
    const now = this.#context.clock.now();
    return {
      name,
      description: name.replace(/\.service$/, ''),
      transient: false,
      state: 'active',
      result: 'success',
      mainPid: 0,
      exitCode: 0,
      exitStatus: 0,
      activeSince: now,
      changedAt: now,
      invocationId: randomUUID().replaceAll('-', ''),
      collect: false,
      remainAfterExit: false,
    };
  }

  #log(name: string, tag: string, text: string): void {
    const lines = this.#journal.get(name) ?? [];
    const at = this.#context.clock.now();
    for (const line of text.split('\n')) if (line !== '') lines.push({ at, tag, text: line });
    this.#journal.set(name, lines);
  }

  #record(action: string, unit: Unit, detail: Record<string, unknown>): void {
    this.#context.log.record(`unit:${unit.name}`, action, this.#machineId, { unit: unit.name, ...detail });
  }
}

function programOf(spec: TransientUnit): string {
  return basename(spec.argv[0] ?? '');
}

function resultOf(
  code: number | null,
  signal: NodeJS.Signals | null,
  how: { timedOut: boolean; stopping: boolean },
): UnitResult {
  if (how.timedOut) return 'timeout';
  // SIGTERM and its kin are a clean end (SuccessExitStatus= in systemd.service(5)).
  if (signal) return ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGPIPE'].includes(signal) ? 'success' : 'signal';
  return code === 0 ? 'success' : 'exit-code';
}

export function fullName(name: string): string {
  return /\.(service|timer|target|socket|mount|scope|slice)$/.test(name) ? name : `${name}.service`;
}
