type Unit = 'ms' | 'second' | 'seconds' | 'minute' | 'minutes' | 'hour' | 'hours' | 'day' | 'days';

/** A length of time as people write it: `'15 minutes'`. Temporal's timers and timeouts take it as it is. */
export type Duration = `${number} ${Unit}`;

const MILLISECONDS: Readonly<Record<Unit, number>> = {
  ms: 1,
  second: 1_000,
  seconds: 1_000,
  minute: 60_000,
  minutes: 60_000,
  hour: 3_600_000,
  hours: 3_600_000,
  day: 86_400_000,
  days: 86_400_000,
};

const DURATION = /^(\d+(?:\.\d+)?) (ms|seconds?|minutes?|hours?|days?)$/;

export function isDuration(text: string): text is Duration {
  return DURATION.test(text);
}

/** Length of `duration` in milliseconds. */
export function toMilliseconds(duration: Duration): number {
  const [amount, unit] = duration.split(' ') as [string, Unit];
  return Number(amount) * MILLISECONDS[unit];
}

/** Length of `duration` in seconds, with a fraction where it has one. */
export function toSeconds(duration: Duration): number {
  return toMilliseconds(duration) / 1_000;
}

/** `95_000` → `1 min 35 s`; for people, rounded to seconds. */
export function describeMilliseconds(ms: number): string {
  const total = Math.round(ms / 1_000);
  const hours = Math.floor(total / 3_600);
  const minutes = Math.floor((total % 3_600) / 60);
  const seconds = total % 60;
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  if (minutes > 0) return seconds > 0 ? `${minutes} min ${seconds} s` : `${minutes} min`;
  return `${seconds} s`;
}
