import { condition, workflowInfo } from '@temporalio/workflow';
import { toMilliseconds } from '../../../domain/duration.ts';
import type { PowerSettings } from '../../../domain/outage.ts';
import { noChanges } from '../../../planning/outage-changes.ts';
import { planOutage, rulesFor } from '../../../planning/outage-plan.ts';
import { beginRound } from '../../../planning/outage-round.ts';
import { isAtLeast } from '../../../planning/power-watch.ts';
import { notDoneMail } from '../../../reports/outage-mail.ts';
import type { PowerOutageInput } from '../../power-outage.ts';
import { now } from '../clock.ts';
import { takeCluster } from './cluster-lease.ts';
import { openJournal } from './journal.ts';
import { createNoticeTeller } from './notices.ts';
import { listenToOrders, RETURN_ENDS } from './orders.ts';
import { phaseOf, type Outage, type OutageMemory } from './outage.ts';
import { tell } from './tell.ts';
import { pretendOutage, startWatcher } from './watcher.ts';

/** Takes the watch over from the guard or from the run before, asks for the cluster and listens to people. */
export function openOutage(settings: PowerSettings, { seen, carried }: PowerOutageInput): Outage {
  const rehearsal = seen === undefined;
  const memory: OutageMemory = carried?.memory ?? {
    round: beginRound(1),
    site: null,
    changes: noChanges(),
    recent: seen?.recent ?? [],
    discharge: [],
    changed: false,
  };
  const { site } = memory;
  const rules = site === null ? settings.rules : rulesFor(settings, planOutage(site, settings));
  const power = rehearsal
    ? pretendOutage()
    : startWatcher({ ...seen, rules, forgotten: carried?.forgotten ?? 0 }, () => heard());
  const noted = carried?.noted ?? {
    stage: 'hold',
    fates: Object.fromEntries(settings.nodes.map((node) => [node, 'on' as const])),
  };
  const journal = openJournal({ settings, rehearsal, ...noted }, () => power);
  const notices = createNoticeTeller(() => outage, seen?.told ?? []);
  const lease = rehearsal
    ? { granted: true, take: () => undefined, release: () => Promise.resolve() }
    : takeCluster(settings.cluster, 'power cut', () => journal.note('nobody else disturbs the cluster any more'));
  const outage: Outage = {
    // The same however often it has continued as new.
    id: `power-outage/${workflowInfo().firstExecutionRunId}`,
    settings,
    power,
    lease,
    journal,
    notices,
    rehearsal,
    ...memory,
  };
  const heard = (): void => {
    journal.phase(phaseOf(outage));
    void notices.hear(power.verdict);
  };
  const isReturning = (): boolean => ['mains-back', 'restore', 'over'].includes(journal.stageNow);
  listenToOrders({
    orders: () => outage.round.orders,
    refusal: () => (isReturning() ? 'The mains are back: there is no phase to begin or to stay in.' : null),
    abortWords: () => (isReturning() ? RETURN_ENDS : `no further step is taken. ${cannotUndo(outage)}`),
    note: (words) => journal.note(words),
  });
  lease.take();
  if (!rehearsal) attend(outage);
  return outage;
}

function cannotUndo({ journal }: Outage): string {
  const told = Object.entries(journal.fates).filter(([, fate]) => fate === 'going-down');
  if (told.length === 0) return 'What was shut down comes back with the mains.';
  const names = told.map(([node]) => node).join(', ');
  return `${names} has been told to shut down, which nothing calls back; it returns with the mains.`;
}

/** The mains have failed again: nothing of the round before counts any more. */
export function beginNextRound(outage: Outage): void {
  outage.round = beginRound(outage.round.number + 1);
  // It may have been lent to others while the return only waited.
  outage.lease.take();
  attend(outage);
}

/** What goes on beside the phases of a round. */
function attend(outage: Outage): void {
  void loseThePatience(outage);
  void tellWhatIsNotDone(outage);
}

/** Whoever has aborted decides by himself, and hears that the battery cannot wait any more. */
async function tellWhatIsNotDone(outage: Outage): Promise<void> {
  const { round, power, journal } = outage;
  const isOver = (): boolean => outage.round !== round;
  const isLosing = (): boolean => power.verdict.mains === 'out' && isAtLeast(power.verdict.byNeed, 'final');
  await condition(() => isOver() || (round.orders.aborted && isLosing()));
  if (isOver()) return;
  const { because } = power.verdict;
  await tell(outage, `not-done/${round.number}`, (head) =>
    notDoneMail({ ...head, because, progress: journal.progress }),
  );
}

/** From the moment that time asks for a phase, maintenance has so long to reach its safe point. */
async function loseThePatience(outage: Outage): Promise<void> {
  const { round, power, lease, settings, journal } = outage;
  const isOver = (): boolean => outage.round !== round || lease.granted;
  await condition(() => isAtLeast(power.verdict.byTime, 'shed') || isOver());
  round.waitsSince ??= now();
  const left = Date.parse(round.waitsSince) + toMilliseconds(settings.timeouts.yield) - Date.now();
  if (isOver() || (await condition(isOver, Math.max(1, left)))) return;
  round.impatient = true;
  journal.note('maintenance has not made way in time: the phases go on without waiting for it');
}
