import { condition, workflowInfo } from '@temporalio/workflow';
import type { PowerSettings } from '../../../domain/outage.ts';
import { isAtLeast } from '../../../planning/power-watch.ts';
import type { PowerOutageInput } from '../../power-outage.ts';
import { takeCluster } from './cluster-lease.ts';
import { openJournal } from './journal.ts';
import { createNoticeTeller } from './notices.ts';
import { listenToOrders } from './orders.ts';
import { phaseWanted, type Outage } from './outage.ts';
import { pretendOutage, startWatcher } from './watcher.ts';

/** Takes the watch over from the guard, asks for the cluster and listens to people. */
export function openOutage(settings: PowerSettings, seen: PowerOutageInput['seen'] | null): Outage {
  const rehearsal = seen === null || seen === undefined;
  const power = rehearsal ? pretendOutage() : startWatcher({ ...seen, rules: settings.rules }, () => heard());
  const journal = openJournal(
    {
      settings,
      rehearsal,
      stage: 'hold',
      fates: Object.fromEntries(settings.nodes.map((node) => [node, 'on'])),
    },
    () => power,
  );
  const notices = createNoticeTeller(() => outage, seen?.told ?? []);
  const orders = listenToOrders((words) => journal.note(words), cannotUndo);
  const reason = 'power cut';
  const lease = rehearsal
    ? { granted: true, release: () => Promise.resolve() }
    : takeCluster(settings.cluster, reason, () => journal.note('nobody else disturbs the cluster any more'));
  const outage: Outage = {
    id: `power-outage/${workflowInfo().runId}`,
    settings,
    power,
    orders,
    lease,
    journal,
    notices,
    recent: seen?.recent ?? [],
    rehearsal,
    changes: { guests: new Set(), moved: new Map(), haDisarmed: false, expectedVotes: null },
    site: null,
    plan: null,
    patient: false,
    haDisarmed: false,
    round: 1,
    hurried: false,
    shedDone: false,
    finalDone: false,
    discharge: [],
    changed: false,
    ended: false,
  };
  const heard = (): void => {
    journal.phase(phaseWanted(outage));
    void notices.hear(power.verdict);
  };
  if (!rehearsal) void loseThePatience(outage);
  return outage;

  function cannotUndo(): string {
    const told = Object.entries(journal.progress.nodes).filter(([, fate]) => fate === 'going-down');
    if (told.length === 0) return 'What was shut down comes back with the mains.';
    const names = told.map(([node]) => node).join(', ');
    return `${names} has been told to shut down, which nothing calls back; it returns with the mains.`;
  }
}

/** From the moment that time asks for a phase, maintenance has so long to reach its safe point. */
async function loseThePatience(outage: Outage): Promise<void> {
  const { power, lease, settings, journal } = outage;
  await condition(() => isAtLeast(power.verdict.byTime, 'shed'));
  if (lease.granted || (await condition(() => lease.granted, settings.timeouts.yield))) return;
  outage.patient = true;
  journal.note('maintenance has not made way in time: the phases go on without waiting for it');
}
