import type { OutagePlan } from './outage.ts';
import type { PowerPhase, PowerReading, PowerRules } from './power.ts';

/** One moment of an outage that begins now and does not end. */
export interface TimeLineStep {
  /** Seconds on battery. */
  readonly at: number;
  /** `empty`: the battery gives nothing any more. */
  readonly phase: PowerPhase | 'empty';
  readonly what: string;
  /** Why then; null where nothing but the order of things decides. */
  readonly because: string | null;
  /** Percent that the battery is expected to have then; null where the UPS tells too little. */
  readonly charge: number | null;
  /** Seconds that it is expected to last from then on. */
  readonly runtime: number | null;
}

export interface TimeLine {
  readonly steps: readonly TimeLineStep[];
  /** What the expected charge and runtime go by. */
  readonly expectation: string;
  /** What a person should change before the next power cut. */
  readonly warnings: readonly string[];
}

/** What an outage that begins now would do: result and query `plan` of the workflow `powerPlan`. */
export interface PowerPlan {
  readonly cluster: string;
  readonly ups: string;
  /** ISO 8601 */
  readonly madeAt: string;
  /** Null when the UPS did not answer. */
  readonly reading: PowerReading | null;
  readonly rules: PowerRules;
  readonly plan: OutagePlan;
  readonly timeLine: TimeLine;
}
