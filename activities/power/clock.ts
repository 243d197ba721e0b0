import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { ClockStamp } from '../../domain/power.ts';

/** Between two boots, or two machines, only wall clocks can be compared: more than this (milliseconds) is not believed. */
const LONGEST_GAP = 30 * 60_000;

/** Now, by the clocks of this machine. `CLOCK_MONOTONIC` goes on through restarts of the process, whatever sets the time. */
export function readClock(): ClockStamp {
  return { boot: bootOfThisMachine(), monotonic: Number(process.hrtime.bigint() / 1_000_000n), wall: Date.now() };
}

/** Milliseconds from one look to the next; never less than none, and no day because somebody has set a clock. */
export function elapsedBetween(before: ClockStamp | null, now: ClockStamp): number {
  if (before === null) return 0;
  if (!isAnotherBoot(before, now)) return now.monotonic - before.monotonic;
  return Math.min(Math.max(0, now.wall - before.wall), LONGEST_GAP);
}

/** The machine was started in between, or it is another one. */
export function isAnotherBoot(before: ClockStamp, now: ClockStamp): boolean {
  return before.boot !== now.boot || now.monotonic < before.monotonic;
}

let boot: string | undefined;

function bootOfThisMachine(): string {
  boot ??= readBootId();
  return boot;
}

/** Where there is none, every process is a boot of its own. */
function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `${hostname()}/${process.pid}/${Date.now()}`;
  }
}
