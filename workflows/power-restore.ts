import { CancellationScope, condition } from '@temporalio/workflow';
import type { NodeFate, OutageEvent, PowerSettings, SiteBefore } from '../domain/outage.ts';
import type { PowerNotice, PowerVerdict, WatchState } from '../domain/power.ts';
import { isAway } from '../planning/node-fate.ts';
import { afterOutage, verdictOf } from '../planning/power-watch.ts';
import { restoreWaitsMail } from '../reports/outage-mail.ts';
import { explain } from './steps/failures.ts';
import { awaitGate, restoreRules } from './steps/power/restore-gate.ts';
import { openJournal } from './steps/power/journal.ts';
import { createNoticeTeller } from './steps/power/notices.ts';
import { listenToRestoreOrders } from './steps/power/orders.ts';
import { restoreGuests } from './steps/power/restore-guests.ts';
import { isLost, type Restore } from './steps/power/restore.ts';
import { takeBackChanges } from './steps/power/take-back.ts';
import { tell } from './steps/power/tell.ts';
import { wakeNodes } from './steps/power/wake-nodes.ts';
import { pretendOutage, startWatcher } from './steps/power/watcher.ts';
import { describeOutcome, describeRun } from './steps/run-attributes.ts';

/** What an outage has changed, as plain data. */
export interface ChangesToTakeBack {
  readonly moved: readonly { readonly vmid: number; readonly from: string; readonly to: string }[];
  readonly haDisarmed: boolean;
  readonly expectedVotes: { readonly node: string; readonly before: number } | null;
}

export interface PowerRestoreInput {
  /** Of the outage, for its mails. */
  readonly id: string;
  readonly settings: PowerSettings;
  /** As it was before; null when nobody could read it: then the nodes are all that is known. */
  readonly site: SiteBefore | null;
  readonly changes: ChangesToTakeBack;
  readonly fates: Readonly<Record<string, NodeFate>>;
  readonly events: readonly OutageEvent[];
  readonly state: WatchState;
  readonly told: readonly PowerNotice[];
  /** ISO 8601: when outages shut nodes down, this one included. */
  readonly recent: readonly string[];
  readonly rehearsal: boolean;
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

/** Between two looks at what is still missing; longer each time. */
const FIRST_PAUSE_MINUTES = 15;
const LONGEST_PAUSE_MINUTES = 6 * 60;

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
    const { journal, power, notices } = restore;
    const scope = new CancellationScope({ cancellable: true });
    const work = scope.run(() => comeBack(restore, input)).catch((error: unknown) => [explain(error)]);
    const lost = condition(() => isLost(restore) || restore.orders.aborted).then(() => null);
    const exceptions = await Promise.race([work, lost]);
    if (exceptions === null) scope.cancel();
    const outcome = exceptions === null ? (isLost(restore) ? 'power-lost' : 'ended') : 'restored';
    if (outcome === 'power-lost') journal.note(`the mains have failed again: ${power.verdict.because ?? ''}`);
    const state = await power.stop();
    describeOutcome(outcome);
    const { nodes, events } = journal.progress;
    return {
      outcome,
      exceptions: exceptions ?? (outcome === 'ended' ? stillMissing(restore) : []),
      fates: nodes,
      events,
      state,
      verdict: power.verdict,
      told: notices.known,
    };
  });
}

function stillMissing({ journal, exceptions }: Restore): readonly string[] {
  if (exceptions.length > 0) return exceptions;
  const away = Object.entries(journal.progress.nodes).filter(([, fate]) => isAway(fate));
  return [
    'The return was ended before it was over.',
    ...away.map(([node, fate]) => `${node} was left as it is: ${fate}`),
  ];
}

async function comeBack(restore: Restore, { recent }: PowerRestoreInput): Promise<readonly string[]> {
  const { journal, orders, rehearsal } = restore;
  await awaitGate(restore, recent);
  for (let pause = FIRST_PAUSE_MINUTES; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MINUTES)) {
    const exceptions = [
      ...(await wakeNodes(restore)),
      ...(await takeBackChanges(restore)),
      ...(await restoreGuests(restore)),
    ];
    restore.exceptions = exceptions;
    if (exceptions.length === 0 || rehearsal) return exceptions;
    for (const exception of exceptions) journal.note(exception);
    if (pause === FIRST_PAUSE_MINUTES) {
      await tell(restore, 'waits', (head) => restoreWaitsMail({ ...head, exceptions }));
    }
    journal.waitsFor('a person, or a later look: update retryNow or abort');
    const { retries } = orders;
    await condition(() => orders.retries > retries, `${pause} minutes`);
    journal.waitsFor(null);
  }
}

function openRestore(input: PowerRestoreInput): Restore {
  const { id, settings, site, changes, fates, events, rehearsal } = input;
  const rules = restoreRules(settings, input.recent);
  // A new outage is told from the one that is over.
  const state: WatchState = { ...input.state, watch: afterOutage(input.state.watch) };
  const power = rehearsal
    ? pretendOutage()
    : startWatcher({ state, verdict: verdictOf(state.watch, rules), rules }, () => void notices.hear(power.verdict));
  const journal = openJournal({ settings, rehearsal, stage: 'restore', fates, events }, () => power);
  const notices = createNoticeTeller(() => restore, input.told);
  const restore: Restore = {
    id,
    settings,
    site,
    changes,
    power,
    journal,
    notices,
    orders: listenToRestoreOrders((words) => journal.note(words)),
    rehearsal,
    exceptions: [],
  };
  return restore;
}
