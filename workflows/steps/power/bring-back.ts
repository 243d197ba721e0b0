import { condition, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { powerRestoreId } from '../../../domain/ids.ts';
import { isAtLeast } from '../../../planning/power-watch.ts';
import { abortSignal } from '../../messages.ts';
import { powerRestore } from '../../power-restore.ts';
import { now } from '../clock.ts';
import { explain } from '../failures.ts';
import type { Outage } from './outage.ts';

/**
 * Hands the watch to a run that brings the site back, and waits for it. Returns what is not as before, or that the mains
 * have failed again, after which the watch is here again.
 */
export async function bringBack(outage: Outage): Promise<'power-lost' | readonly string[]> {
  const { id, settings, power, journal, notices, changes, orders, rehearsal, site } = outage;
  outage.changed = true;
  journal.stage('restore');
  const state = await power.stop();
  outage.discharge = [...outage.discharge, ...state.watch.discharge];
  const { nodes: fates, events } = journal.progress;
  // An order to end that was given before the mains came back was about the outage.
  const wasAborted = orders.aborted;
  const child = await startChild(powerRestore, {
    workflowId: rehearsal ? powerRestoreId(`rehearsal/${settings.ups}`) : powerRestoreId(settings.ups),
    args: [
      {
        id,
        settings,
        site,
        changes: {
          moved: [...changes.moved].map(([vmid, move]) => ({ vmid, ...move })),
          haDisarmed: changes.haDisarmed,
          expectedVotes: changes.expectedVotes,
        },
        fates,
        events,
        state,
        told: notices.known,
        recent: isAtLeast(journal.highest, 'shed') ? [...outage.recent, now()] : outage.recent,
        rehearsal,
      },
    ],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    staticSummary: `Bring ${settings.cluster} back`,
  });
  void condition(() => orders.aborted && !wasAborted).then(() => child.signal(abortSignal).catch(() => undefined));
  try {
    const result = await child.result();
    journal.goOn(result.fates, result.events);
    notices.goOn(result.told);
    power.take(result.state, result.verdict);
    outage.ended = result.outcome === 'ended';
    if (result.outcome !== 'power-lost') return result.exceptions;
    outage.shedDone = false;
    outage.finalDone = false;
    outage.round += 1;
    journal.stage('hold');
    power.goOn();
    return 'power-lost';
  } catch (error) {
    return [`The return has failed: ${explain(error)}. Start what is missing by hand.`];
  }
}
