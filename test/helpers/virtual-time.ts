import { setImmediate } from 'node:timers/promises';
import { vi } from 'vitest';
import type { ClockStamp } from '../../domain/power.ts';

/** Timers and clocks of a test stand still until it says so; `vi.useRealTimers` in `afterEach` ends it. */
export function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
}

/** Lets this many milliseconds pass, in steps after each of which everybody gets to act, or fewer when `until` holds. */
export async function pass(
  milliseconds: number,
  { step = 250, until = () => false }: { readonly step?: number; readonly until?: () => boolean } = {},
): Promise<void> {
  await setImmediate();
  for (let passed = 0; passed < milliseconds && !until(); passed += step) {
    vi.advanceTimersByTime(step);
    await setImmediate();
  }
}

/** The clocks of one boot of a machine, whose wall clock somebody may set. */
export class MachineClock {
  boot = 'boot-1';
  /** Milliseconds by which the wall clock is wrong. */
  wrong = 0;
  #started = 0;

  readonly now = (): ClockStamp => ({
    boot: this.boot,
    monotonic: performance.now() - this.#started,
    wall: Date.now() + this.wrong,
  });

  reboot(): void {
    this.boot = `${this.boot}, then another`;
    this.#started = performance.now();
  }
}
