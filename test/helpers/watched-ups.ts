import type {
  PowerPhase,
  PowerReading,
  PowerRules,
  PowerSample,
  PowerTrouble,
  PowerVerdict,
  PowerWatch,
} from '../../domain/power.ts';
import { readPower } from '../../planning/power-reading.ts';
import { laterPhase, NEW_WATCH, observe, verdictOf } from '../../planning/power-watch.ts';
import { DEFAULT_RULES } from './power-builders.ts';

/** What a UPS says beside its status; `undefined` takes away what a full battery would say. */
export interface Variables {
  readonly 'battery.charge'?: string | undefined;
  readonly 'battery.runtime'?: string | undefined;
  readonly 'input.voltage'?: string | undefined;
}

const FULL = { 'battery.charge': '100', 'battery.runtime': '1500', 'ups.load': '20' };

export function readingOf(status: string, variables: Variables = {}): PowerReading {
  const all = Object.entries({ 'ups.status': status, ...FULL, ...variables });
  return readPower(new Map(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))));
}

export const NO_ANSWER: PowerTrouble = { kind: 'comms', text: 'NUT server 10.0.0.5:3493: ERR DATA-STALE' };
export const OUR_MISTAKE: PowerTrouble = { kind: 'config', text: 'NUT server 10.0.0.5:3493: ERR UNKNOWN-UPS' };

/** A UPS that is looked at once a second; what it is asked for is written down with the second in which it was. */
export class WatchedUps {
  readonly rules: PowerRules;
  readonly phases: (readonly [at: number, phase: PowerPhase])[] = [];
  watch: PowerWatch = NEW_WATCH;
  /** Seconds since the first look. */
  now = 0;

  constructor(rules: Partial<PowerRules> = {}) {
    this.rules = { ...DEFAULT_RULES, ...rules };
  }

  /** It is known to be on mains with a full battery for some minutes. */
  static onMains(rules: Partial<PowerRules> = {}): WatchedUps {
    const ups = new WatchedUps(rules).says('OL', { times: 300 });
    ups.now = 0;
    return ups;
  }

  /** Says this at each of so many looks. */
  says(status: string, { times = 1, ...variables }: { readonly times?: number } & Variables = {}): this {
    const reading = readingOf(status, variables);
    for (let look = 0; look < times; look += 1) this.look({ sinceLast: 1_000, reading, trouble: null });
    return this;
  }

  /** Gives no answer at so many looks. */
  silent(times: number, trouble: PowerTrouble = NO_ANSWER): this {
    for (let look = 0; look < times; look += 1) this.look({ sinceLast: 1_000, reading: null, trouble });
    return this;
  }

  /** Nobody looks for so many seconds; then it says this, or nothing. */
  away(seconds: number, status: string | null, variables: Variables = {}): this {
    const reading = status === null ? null : readingOf(status, variables);
    return this.look({ sinceLast: seconds * 1_000, reading, trouble: reading === null ? NO_ANSWER : null });
  }

  /** The machine that looks was started anew, so many seconds after its last look by its wall clock. */
  coldStart(seconds: number, status: string | null, variables: Variables = {}): this {
    const reading = status === null ? null : readingOf(status, variables);
    const trouble = reading === null ? NO_ANSWER : null;
    return this.look({ sinceLast: seconds * 1_000, reading, trouble, coldStart: true });
  }

  look(sample: PowerSample): this {
    const before = this.phase;
    this.watch = observe(this.watch, sample, this.rules);
    this.now += sample.sinceLast / 1_000;
    if (this.phase !== before) this.phases.push([this.now, this.phase]);
    return this;
  }

  get verdict(): PowerVerdict {
    return verdictOf(this.watch, this.rules);
  }

  get phase(): PowerPhase {
    return laterPhase(this.watch.byTime, this.watch.byNeed);
  }

  get notices(): string[] {
    return this.verdict.notices.map(({ code }) => code);
  }
}
