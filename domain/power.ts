/**
 * Words of `ups.status`, each once, in alphabetical order: `OB DISCHRG LB` is `['DISCHRG', 'LB', 'OB']`. Their order on
 * the wire means nothing, and drivers add words of their own.
 *
 * - `OL`, `OB`: on mains, on battery; `LB`: battery low; `RB`: battery to be replaced; `HB`: battery high
 * - `CHRG`, `DISCHRG`, `CAL`, `TEST`: what the battery does
 * - `BYPASS`, `TRIM`, `BOOST`, `OVER`, `OFF`, `ALARM`: what the output does
 * - `FSD`: the NUT server has told everybody to shut down
 * - `WAIT`: the driver does not know yet
 */
export type StatusWords = readonly string[];

export function parseStatus(text: string): StatusWords {
  const words = text
    .toUpperCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return [...new Set(words)].sort();
}

export function hasWord(status: StatusWords, word: string): boolean {
  return status.includes(word);
}

/** A number that a UPS reports, or why there is none. */
export type Measurement = { readonly value: number } | { readonly absent: string };

/** What a UPS said of itself at one moment. */
export interface PowerReading {
  /** Empty when it said nothing: then it is neither on mains nor on battery. */
  readonly status: StatusWords;
  /** Percent, 0 to 100. */
  readonly charge: Measurement;
  /** Seconds that the battery would last. */
  readonly runtime: Measurement;
  /** Percent of what it can give; an overloaded one says more than 100. */
  readonly load: Measurement;
  /** Volts */
  readonly inputVoltage: Measurement;
}

/**
 * What the status words come to. `fsd` > `low` > `on-battery` > `online`; `unknown`: no answer, or one that says neither
 * (`WAIT`, `OFF`, nothing).
 */
export type PowerClass = 'online' | 'on-battery' | 'low' | 'fsd' | 'unknown';

/** Why there is no reading. `config` is a mistake of ours (unknown UPS, wrong password): on mains
 * never a sign of an outage, on battery as bad as silence. */
export interface PowerTrouble {
  readonly kind: 'comms' | 'config';
  readonly text: string;
}

/** One look at the UPS. */
export interface PowerSample {
  /** Milliseconds since the look before, by a clock that nobody sets. */
  readonly sinceLast: number;
  readonly reading: PowerReading | null;
  /** Null exactly when there is a reading. */
  readonly trouble: PowerTrouble | null;
  /** The look before was in another boot of the machine that watches, or on another machine. */
  readonly coldStart?: boolean;
}

/** In this order; a phase holds all that the ones before it ask for. */
export const POWER_PHASES = ['normal', 'hold', 'shed', 'final'] as const;
export type PowerPhase = (typeof POWER_PHASES)[number];

/** When which phase begins. Times in seconds, charges in percent. */
export interface PowerRules {
  /** Between two looks. */
  readonly interval: number;
  /** On battery for so long, it is an outage; before, it is a blip. */
  readonly confirm: number;
  /** After the transfer to battery, charge and runtime are not believed for so long. */
  readonly stabilization: number;
  readonly shed: { readonly after: number; readonly charge: number; readonly runtime: number };
  readonly final: {
    readonly after: number;
    readonly charge: number;
    readonly runtime: number;
    /** No answer for so long after it was on battery; sooner when the last runtime says so. */
    readonly blind: number;
    /** Runtime that has to be left for the final phase itself. */
    readonly budget: number;
  };
  readonly fsdOnMains: 'act' | 'warn';
  /** What `OL DISCHRG` means: some UPSs say so while they are on battery. */
  readonly onlineDischarge: 'online' | 'on-battery';
  /** On mains for so long without a break, they are back. */
  readonly holdDown: number;
  /** An outage that begins so soon after the last one goes on counting its time on battery. */
  readonly memory: number;
  readonly restore: {
    /** On mains for so long without a break, nodes may be woken. */
    readonly after: number;
    readonly charge: number;
    /** Instead of the charge where the UPS reports none: on mains for so long. */
    readonly withoutCharge: number;
  };
  /** No answer on mains for so long is worth a mail. */
  readonly silence: number;
}

/** A point of the observed discharge. */
export interface DischargePoint {
  /** Seconds on battery. */
  readonly at: number;
  readonly charge: number | null;
  readonly runtime: number | null;
  readonly load: number | null;
}

/** Something to tell people, once when it begins and once when it is over. */
export interface PowerNotice {
  readonly code:
    | 'ups-silent'
    | 'ups-config'
    | 'fsd-latched'
    | 'battery-replace'
    | 'battery-low-on-mains'
    | 'discharging-on-mains'
    | 'overload'
    | 'output-off'
    | 'no-charge'
    | 'no-runtime'
    | 'run-failed';
  readonly text: string;
}

/** What the samples so far come to. */
export interface PowerVerdict {
  /** What the time on battery asks for. */
  readonly byTime: PowerPhase;
  /** What LB, FSD, charge, runtime or blindness ask for. */
  readonly byNeed: PowerPhase;
  /** In words, of the phase that is higher. */
  readonly because: string | null;
  /** The final phase is asked for although nothing is said of the mains: by silence, or by an order alone (`FSD WAIT`). */
  readonly blind: boolean;
  /** LB, FSD or silence ask for the final phase: the battery may be empty at any moment. */
  readonly pressing: boolean;
  /** `back`: on mains again, not yet for long enough; or nobody knows yet, after a cold start in an outage. */
  readonly mains: 'on' | 'out' | 'back';
  /** Nodes may be woken, as far as the UPS goes. */
  readonly mayWake: boolean;
  /** Why not. */
  readonly notYet: string | null;
  readonly notices: readonly PowerNotice[];
}

/** What the watch of one UPS remembers; handed from run to run. Times in milliseconds. */
export interface PowerWatch {
  readonly reading: PowerReading | null;
  readonly class: PowerClass;
  /** Looks in a row that said so. */
  readonly streak: {
    readonly onBattery: number;
    readonly low: number;
    readonly fsd: number;
    readonly shedNeed: number;
    readonly finalNeed: number;
  };
  /** In this outage, breaks not counted, and in those that came shortly before. */
  readonly onBattery: number;
  /** Since the UPS went to battery the last time. */
  readonly sinceTransfer: number;
  /** On battery since the mains have held for `holdDown`: short breaks make no blips of one outage. */
  readonly sinceSteady: number;
  /** On mains without a break; a time that nobody looked is one. */
  readonly onMains: number;
  /** Asked without an answer, without a break. */
  readonly silent: number;
  /** The last answer said that it was on battery. */
  readonly lastSeenOnBattery: boolean;
  /** Seconds; the last runtime of this time on battery, less the time since then that nobody asked. */
  readonly lastRuntime: number | null;
  /** It was seen without FSD since the last outage, and looked at ever since: FSD on mains is an order and no leftover. */
  readonly seenWithoutFsd: boolean;
  /** The machine that watches was started since the UPS last told of the mains. */
  readonly coldStart: boolean;
  readonly outage: boolean;
  readonly byTime: PowerPhase;
  readonly byNeed: PowerPhase;
  /** Why the higher of the two. */
  readonly because: string | null;
  /** The final phase was asked for by silence, or by an order (FSD) without a word of the mains. */
  readonly blind: boolean;
  /** LB or FSD has asked for the final phase in this outage. */
  readonly ordered: boolean;
  readonly conditions: readonly PowerCondition[];
  readonly discharge: readonly DischargePoint[];
}

/** A notice that comes or goes: UPSs say and unsay things from one second to the next. */
export interface PowerCondition {
  readonly notice: PowerNotice;
  readonly present: number;
  readonly absent: number;
  readonly told: boolean;
}

/** When the UPS was looked at, by clocks that nobody sets where there are any. */
export interface ClockStamp {
  /** Which boot of which machine the monotonic clock belongs to. */
  readonly boot: string;
  /** Milliseconds since some moment of that boot. */
  readonly monotonic: number;
  /** Milliseconds since the epoch, by the wall clock. */
  readonly wall: number;
}

/** The watch with the moment of its last look: what one run hands to the next. */
export interface WatchState {
  readonly watch: PowerWatch;
  /** Null before the first look. */
  readonly seenAt: ClockStamp | null;
}
