import { CancellationScope, continueAsNew } from '@temporalio/workflow';
import type { NodeFate, OutageEvent, PowerSettings, SiteBefore } from '../domain/outage.ts';
import type { RunRef } from '../domain/lease.ts';
import type { PowerNotice, PowerVerdict, WatchState } from '../domain/power.ts';
import type { OutageChanges } from '../planning/outage-changes.ts';
import { explain } from './steps/failures.ts';
import { unless } from './steps/power/against.ts';
import { comeBack } from './steps/power/come-back.ts';
import { openRestore } from './steps/power/open-restore.ts';
import { isLost, stillMissing, type Restore, type RestoreMemory } from './steps/power/restore.ts';
import { giveBackChanges } from './steps/power/take-back.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';

export interface PowerRestoreInput {
  /** Of the outage and its round, for the mails. */
  readonly id: string;
  /** The run that holds the lease of the cluster for this one. */
  readonly lease: RunRef;
  readonly settings: PowerSettings;
  /** As it was before; null when nobody could read it: then the nodes are all that is known. */
  readonly site: SiteBefore | null;
  readonly changes: OutageChanges;
  readonly fates: Readonly<Record<string, NodeFate>>;
  readonly events: readonly OutageEvent[];
  readonly state: WatchState;
  readonly told: readonly PowerNotice[];
  /** ISO 8601: when outages shut nodes down, this one included. */
  readonly recent: readonly string[];
  readonly rehearsal: boolean;
  /** From the run before this one. */
  readonly carried?: { readonly verdict: PowerVerdict; readonly memory: RestoreMemory };
}

export interface PowerRestoreResult {
  /** `ended`: a person has ended it before all was as before. */
  readonly outcome: 'restored' | 'power-lost' | 'ended';
  readonly exceptions: readonly string[];
  readonly fates: Readonly<Record<string, NodeFate>>;
  readonly events: readonly OutageEvent[];
  readonly state: WatchState;
  readonly verdict: PowerVerdict;
  readonly told: readonly PowerNotice[];
}

/**
 * Brings a site back after a power cut: waits until mains and battery will bear it, wakes the nodes that ran before, sees
 * them join, takes back what the outage has changed, and starts the guests that ran before, in their order. A node or guest
 * that was off before stays off.
 *
 * It ends when everything is as it was, when a person ends it, or when the mains fail again: then it stops between two
 * acts and hands the watch back. What does not come back is mailed and tried again later, or when it is told `retryNow`.
 */
export async function powerRestore(input: PowerRestoreInput): Promise<PowerRestoreResult> {
  describeRun('power-restore');
  return CancellationScope.nonCancellable(async () => {
    const restore = openRestore(input);
    const { power, journal, notices } = restore;
    const ended = await work(restore);
    if (ended === 'too-long') return handOver(restore, input);
    const { outcome, exceptions } = ended;
    if (outcome === 'power-lost') journal.note(`the mains have failed again: ${power.verdict.because ?? ''}`);
    const state = await power.stop();
    describeOutcome(outcome);
    const { nodes: fates, events } = journal.progress;
    return { outcome, exceptions, fates, events, state, verdict: power.verdict, told: notices.known };
  });
}

type Ended = Pick<PowerRestoreResult, 'outcome' | 'exceptions'>;

async function work(restore: Restore): Promise<Ended | 'too-long'> {
  const { orders } = restore;
  const isOver = (): boolean => isLost(restore) || orders.aborted;
  const back = await unless(isOver, () => comeBack(restore).catch((error: unknown) => [explain(error)]));
  if (back === 'too-long') return back;
  if (back !== null) return { outcome: 'restored', exceptions: back };
  if (isLost(restore)) return { outcome: 'power-lost', exceptions: [] };
  // What was changed for the outage is nobody's wish, whoever ends the return.
  const left = await unless(
    () => isLost(restore),
    () => giveBackChanges(restore),
  );
  if (left === null) return { outcome: 'power-lost', exceptions: [] };
  return { outcome: 'ended', exceptions: [...stillMissing(restore), ...left] };
}

/** Nothing is under way: all that is known goes to a run with an empty history. */
async function handOver({ power, journal, notices, memory }: Restore, input: PowerRestoreInput): Promise<never> {
  const state = await power.stop();
  const { nodes: fates, events } = journal.progress;
  const carried = { verdict: power.verdict, memory };
  return continueAsNew<typeof powerRestore>({ ...input, fates, events, state, told: notices.known, carried });
}
