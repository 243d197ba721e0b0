import type { EventLog } from '../core/event-log.ts';
import type { FaultBoard } from '../core/faults.ts';
import type { LabClock } from '../core/clock.ts';
import type { Machine } from '../core/machine.ts';
import { parameterError } from './errors.ts';

/** Why a worker's signal aborts. */
export class WorkerKilled extends Error {
  override readonly name = 'WorkerKilled';
}

/** A worker process of a node, as `/nodes/{node}/tasks` shows it. Times in virtual milliseconds. */
export class Task {
  readonly upid: string;
  readonly node: string;
  readonly pid: number;
  readonly pstart: number;
  readonly startedAt: number;
  readonly type: string;
  readonly id: string;
  readonly user: string;
  readonly lines: string[] = [];
  readonly #controller = new AbortController();
  endedAt: number | undefined;
  /** `OK`, `WARNINGS: n`, the error's text, or `unexpected status` when no last line was written. */
  exitStatus: string | undefined;
  warnings = 0;
  /** Resolves when the task has ended, however it did. */
  done: Promise<void> = Promise.resolve();

  constructor(node: string, pid: number, pstart: number, startedAt: number, type: string, id: string, user: string) {
    this.node = node;
    this.pid = pid;
    this.pstart = pstart;
    this.startedAt = startedAt;
    this.type = type;
    this.id = id;
    this.user = user;
    this.upid = `UPID:${node}:${hex(pid)}:${hex(pstart)}:${hex(Math.floor(startedAt / 1000))}:${type}:${id}:${user}:`;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get running(): boolean {
    return this.exitStatus === undefined;
  }

  log(line: string): void {
    if (this.running) this.lines.push(line);
  }

  warn(line: string): void {
    this.warnings++;
    this.log(`WARN: ${line}`);
  }

  abort(reason: WorkerKilled): void {
    this.#controller.abort(reason);
  }
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}

/** What a worker does. Throwing makes the message the task's exit status. */
export type Work = (task: Task) => Promise<void>;

/** The node a worker runs on. */
export interface TaskHost {
  readonly name: string;
  readonly machine: Pick<Machine, 'bootedAt' | 'powerCut'>;
}

/** All nodes' workers. A node that dies takes its workers along and leaves their outcome unknown. */
export class TaskBoard {
  readonly #clock: LabClock;
  readonly #log: EventLog;
  readonly #faults: FaultBoard;
  readonly #tasks: Task[] = [];
  #pid = 1000;

  constructor(clock: LabClock, log: EventLog, faults: FaultBoard) {
    this.#clock = clock;
    this.#log = log;
    this.#faults = faults;
  }

  /** Newest first, as the API lists them. */
  of(node: string): Task[] {
    return this.#tasks.filter((task) => task.node === node).reverse();
  }

  get all(): readonly Task[] {
    return this.#tasks;
  }

  find(node: string, upid: string): Task {
    const task = this.#tasks.find((candidate) => candidate.node === node && candidate.upid === upid);
    if (!task) throw parameterError({ upid: 'no such task' });
    return task;
  }

  start(host: TaskHost, type: string, id: string, user: string, work: Work): Task {
    const now = this.#clock.now();
    const pstart = Math.max(1, Math.floor((now - host.machine.bootedAt) / 10));
    const task = new Task(host.name, this.#pid++, pstart, now, type, id, user);
    this.#tasks.push(task);
    this.#log.record(`api:${user}`, 'task.start', `node/${host.name}`, { upid: task.upid, type, id });
    task.done = this.#run(host, task, work);
    return task;
  }

  /** Ends all running workers of a node that lost power: nobody writes their last line. */
  nodeDied(node: string): void {
    for (const task of this.#tasks) {
      if (task.node !== node || !task.running) continue;
      this.#end(task, 'unexpected status');
      task.abort(new WorkerKilled('node went away'));
    }
  }

  stop(task: Task): void {
    if (task.running) task.abort(new WorkerKilled('interrupted by signal'));
  }

  async #run(host: TaskHost, task: Task, work: Work): Promise<void> {
    try {
      await this.#strike(host, task);
      const interrupted = new Promise<never>((_, reject) => {
        task.signal.addEventListener('abort', () => reject(task.signal.reason as Error), { once: true });
      });
      interrupted.catch(() => undefined);
      task.signal.throwIfAborted();
      await Promise.race([work(task), interrupted]);
      if (!task.running) return;
      const status = task.warnings > 0 ? `WARNINGS: ${task.warnings}` : 'OK';
      task.lines.push(`TASK ${status}`);
      this.#end(task, status);
    } catch (error) {
      if (!task.running) return;
      const message = error instanceof Error ? error.message : String(error);
      task.lines.push(`TASK ERROR: ${message}`);
      this.#end(task, message);
    }
  }

  async #strike(host: TaskHost, task: Task): Promise<void> {
    const verdict = this.#faults.consult({ at: 'task', node: task.node, type: task.type, id: task.id });
    if (verdict?.do === 'delay') await this.#clock.sleep(verdict.ms, task.signal);
    if (verdict?.do === 'error') throw new Error(verdict.reason);
    if (verdict?.do === 'die') host.machine.powerCut('fault');
  }

  #end(task: Task, exitStatus: string): void {
    task.exitStatus = exitStatus;
    task.endedAt = this.#clock.now();
    this.#log.record(`api:${task.user}`, 'task.end', `node/${task.node}`, {
      upid: task.upid,
      type: task.type,
      id: task.id,
      exitStatus,
    });
  }
}

/** An error in the sense of the task list: neither `OK` nor `WARNINGS: n`. */
export function isTaskError(exitStatus: string): boolean {
  return exitStatus !== 'OK' && !/^WARNINGS: \d+$/.test(exitStatus);
}
