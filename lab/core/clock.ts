/**
 * The lab's two clocks in one: everything in the lab happens in *virtual* milliseconds, and a scale says how many of
 * them pass in one real millisecond. A ManualClock does not move by itself, for tests that need every tick.
 */
export interface LabClock {
  /** Virtual time in milliseconds since the Unix epoch. Starts at the real time of the lab's start. */
  now(): number;
  /** Virtual milliseconds per real millisecond; 0 for a clock that is moved by hand. */
  readonly scale: number;
  /** Runs `fn` once after `ms` virtual milliseconds. The result cancels it. */
  after(ms: number, fn: () => void): () => void;
  /** Runs `fn` every `ms` virtual milliseconds until cancelled. */
  every(ms: number, fn: () => void): () => void;
  /** Resolves after `ms` virtual milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Cancels all that is still to come: nothing runs after this. */
  stop(): void;
}

abstract class BaseClock implements LabClock {
  abstract now(): number;
  abstract readonly scale: number;
  abstract after(ms: number, fn: () => void): () => void;
  abstract stop(): void;

  every(ms: number, fn: () => void): () => void {
    let cancel: () => void;
    let cancelled = false;
    const again = () => {
      fn();
      if (!cancelled) cancel = this.after(ms, again);
    };
    cancel = this.after(ms, again);
    return () => {
      cancelled = true;
      cancel();
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error);
      const onAbort = () => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

/** Virtual time that runs `scale` times as fast as real time. */
export class ScaledClock extends BaseClock {
  readonly scale: number;
  readonly #realStart = performance.now();
  readonly #virtualStart: number;
  readonly #timers = new Set<NodeJS.Timeout>();
  #stopped = false;

  constructor(scale: number, start = Date.now()) {
    super();
    if (!(scale > 0)) throw new RangeError(`scale: must be a number above 0, got ${scale}`);
    this.scale = scale;
    this.#virtualStart = start;
  }

  now(): number {
    return Math.round(this.#virtualStart + (performance.now() - this.#realStart) * this.scale);
  }

  after(ms: number, fn: () => void): () => void {
    if (this.#stopped) return () => undefined;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      fn();
    }, ms / this.scale);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

interface Due {
  at: number;
  seq: number;
  fn: () => void;
}

/** Virtual time that moves only when told to. */
export class ManualClock extends BaseClock {
  readonly scale = 0;
  #now: number;
  #seq = 0;
  #due: Due[] = [];

  constructor(start = Date.UTC(2026, 0, 4, 3)) {
    super();
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    const due: Due = { at: this.#now + ms, seq: this.#seq++, fn };
    this.#due.push(due);
    return () => {
      this.#due = this.#due.filter((other) => other !== due);
    };
  }

  /** Moves time on by `ms`, running what falls due in order, and lets promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#due.filter((due) => due.at <= end).sort((a, b) => a.at - b.at || a.seq - b.seq)[0];
      if (!next) break;
      this.#due = this.#due.filter((due) => due !== next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
    }
    this.#now = end;
  }

  stop(): void {
    this.#due = [];
  }
}
