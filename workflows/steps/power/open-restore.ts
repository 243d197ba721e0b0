import type { WatchState } from '../../../domain/power.ts';
import { afterOutage, verdictOf } from '../../../planning/power-watch.ts';
import type { PowerRestoreInput } from '../../power-restore.ts';
import { now } from '../clock.ts';
import { openJournal } from './journal.ts';
import { createNoticeTeller } from './notices.ts';
import { listenToRestoreOrders } from './orders.ts';
import { restoreRules } from './restore-gate.ts';
import type { Restore, RestoreMemory } from './restore.ts';
import { pretendOutage, startWatcher } from './watcher.ts';

/** Takes the watch over from the outage or from the run before, and listens to people. */
export function openRestore(input: PowerRestoreInput): Restore {
  const { settings, fates, events, rehearsal, recent, carried } = input;
  const memory: RestoreMemory = carried?.memory ?? {
    since: now(),
    open: false,
    chargeWaived: false,
    tries: 0,
    waitsUntil: null,
    running: [],
    takenBack: [],
    exceptions: [],
  };
  const rules = restoreRules(settings, recent, memory);
  // A new outage is told from the one that is over.
  const state: WatchState = carried ? input.state : { ...input.state, watch: afterOutage(input.state.watch) };
  const verdict = carried?.verdict ?? verdictOf(state.watch, rules);
  const power = rehearsal
    ? pretendOutage()
    : startWatcher({ state, verdict, rules }, () => void notices.hear(power.verdict));
  const journal = openJournal({ settings, rehearsal, stage: 'restore', fates, events }, () => power);
  const notices = createNoticeTeller(() => restore, input.told);
  const { id, lease, site, changes } = input;
  const orders = listenToRestoreOrders((words) => journal.note(words));
  const restore: Restore = {
    ...{ id, lease, settings, site, changes, recent, rehearsal },
    ...{ power, journal, notices, orders, memory },
  };
  return restore;
}
