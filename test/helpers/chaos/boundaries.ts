import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { LabEvent } from '../../../lab/core/event-log.ts';
import type { RollLab } from '../../../scripts/lib/roll-lab.ts';
import { WorkerStartError, type WorkerProcess } from '../../../scripts/lib/worker-process.ts';
import type { Breakage } from './broken-activities.ts';
import type { Stop } from './killable-worker.ts';

/** Source of a worker that stands still at every boundary. */
export const KILLABLE_WORKER = 'test/helpers/chaos/killable-worker.ts';

/** One activity of a roll or an outage: `moveGuest #3` is the third of its kind that was begun. */
type ActivityName = string;

/** A moment of an activity at which a worker can die. `during`: half of what it makes happen in the lab has happened. */
export type Boundary = `${'before' | 'during' | 'after'} ${ActivityName}`;

/** The activities of an undisturbed run in their order, and how many events the lab saw while each was at work. */
export type Course = ReadonlyMap<ActivityName, number>;

export function boundariesOf(course: Course): Boundary[] {
  return [...course.keys()].flatMap((name): Boundary[] => [`before ${name}`, `during ${name}`, `after ${name}`]);
}

export interface Supervision {
  /** Whose worker it is; that of maintenance unless given. */
  readonly queue?: 'maintenance' | 'power';
  /** From an undisturbed roll; `during` needs it. */
  readonly course?: Course;
  readonly killAt?: Iterable<Boundary>;
  /** Kills as well when the lab sees one of these, each once and in any order. */
  readonly killOn?: readonly ((event: LabEvent) => boolean)[];
  readonly broken?: Breakage;
  /** Called when an activity is about to begin and when its end is about to be reported. */
  readonly onStop?: () => void;
}

/**
 * Keeps a worker running, as systemd or Docker would, and kills it with SIGKILL at the moments asked for. The worker
 * stands still at every boundary until it is told to go on, so that a kill strikes there and not some milliseconds later.
 */
export class Supervisor {
  /** Activities in the order in which they were begun. */
  readonly course = new Map<ActivityName, number>();
  /** What was killed at, so far. */
  readonly kills: string[] = [];
  readonly #roll: RollLab;
  readonly #queue: string;
  readonly #course: Course;
  readonly #killAt: Set<Boundary>;
  readonly #killOn: Set<(event: LabEvent) => boolean>;
  readonly #broken: Breakage | undefined;
  readonly #onStop: () => void;
  readonly #names = new Map<string, ActivityName>();
  readonly #begun = new Map<ActivityName, number>();
  readonly #kinds = new Map<string, number>();
  readonly #outputs: (() => string)[] = [];
  readonly #killed = new WeakSet<WorkerProcess>();
  #worker: WorkerProcess | undefined;
  #ended = false;

  constructor(
    roll: RollLab,
    {
      queue = 'maintenance',
      course = new Map(),
      killAt = [],
      killOn = [],
      broken,
      onStop = () => undefined,
    }: Supervision,
  ) {
    this.#roll = roll;
    this.#queue = queue;
    this.#course = course;
    this.#killAt = new Set(killAt);
    this.#killOn = new Set(killOn);
    this.#broken = broken;
    this.#onStop = onStop;
    roll.lab.log.subscribe((event) => this.#saw(event));
  }

  /** Moments that have not come. */
  get missed(): number {
    return this.#killAt.size + this.#killOn.size;
  }

  /** What the workers have printed, one after the other. */
  output(): string {
    return this.#outputs.map((output) => output()).join('\n--- next worker ---\n');
  }

  async start(): Promise<void> {
    const worker = await this.#roll.startWorker({
      program: KILLABLE_WORKER,
      args: [this.#queue],
      ...(this.#broken ? { env: { CARETAKER_CHAOS_BREAK: this.#broken } } : {}),
      onMessage: (message, speaker) => this.#heard(message as Stop, speaker),
    });
    this.#worker = worker;
    this.#outputs.push(() => worker.output());
    void worker.ended.then(() => this.#startAgain());
  }

  /** Kills the worker; `moment` in words. Resolves when it is gone, and what it has asked last is answered. */
  async strike(moment: string): Promise<void> {
    this.kills.push(moment);
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#worker = undefined;
    this.#killed.add(worker);
    this.#begun.clear();
    await worker.end('SIGKILL');
    await setImmediate();
  }

  /** What ends from now on is not started again. */
  end(): void {
    this.#ended = true;
  }

  /** A worker that cannot start, because Temporal is away as well, is started until it can. */
  async #startAgain(): Promise<void> {
    while (!this.#ended) {
      try {
        return await this.start();
      } catch (error) {
        if (!(error instanceof WorkerStartError)) throw error;
        this.#outputs.push(() => error.message);
        await sleep(500);
      }
    }
  }

  #heard({ moment, activity, key, number }: Stop, worker: WorkerProcess): void {
    // Last words of one that is dead by now; its activity will be tried again.
    if (this.#killed.has(worker)) return;
    this.#worker = worker;
    this.#onStop();
    const name = this.#nameOf(activity, key);
    const events = this.#roll.lab.log.events.length;
    if (moment === 'before') this.#begun.set(name, events);
    else this.course.set(name, Math.max(this.course.get(name) ?? 0, events - (this.#begun.get(name) ?? events)));
    const due: Boundary[] = moment === 'before' ? [`before ${name}`] : [`during ${name}`, `after ${name}`];
    // A `during` that is still due at the end of its activity had fewer events this time.
    if (!this.#kill(due.find((boundary) => this.#killAt.has(boundary)))) worker.send(number);
    if (moment === 'after') this.#begun.delete(name);
  }

  #saw(event: LabEvent): void {
    for (const matches of this.#killOn) {
      if (this.#worker === undefined || !matches(event)) continue;
      this.#killOn.delete(matches);
      void this.strike(`${event.action} of ${event.subject}`);
    }
    for (const [name, since] of this.#begun) {
      const half = Math.max(1, Math.floor((this.#course.get(name) ?? 0) / 2));
      if (this.#killAt.has(`during ${name}`) && event.seq - since + 1 >= half) this.#kill(`during ${name}`);
    }
  }

  #kill(boundary: Boundary | undefined): boolean {
    if (boundary === undefined || this.#worker === undefined) return false;
    this.#killAt.delete(boundary);
    void this.strike(boundary);
    return true;
  }

  #nameOf(activity: string, key: string): ActivityName {
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const nth = (this.#kinds.get(activity) ?? 0) + 1;
    this.#kinds.set(activity, nth);
    const name = `${activity} #${nth}`;
    this.#names.set(key, name);
    this.course.set(name, 0);
    return name;
  }
}
