import { ParentClosePolicy, startChild, type ChildWorkflowHandle } from '@temporalio/workflow';
import { powerRestoreId } from '../../../domain/ids.ts';
import { leftToTakeBack } from '../../../planning/outage-changes.ts';
import { noOrders, withRound } from '../../../planning/outage-round.ts';
import { abortSignal } from '../../messages.ts';
import { powerRestore, type PowerRestoreResult } from '../../power-restore.ts';
import { now } from '../clock.ts';
import { thisRun } from '../lease.ts';
import { explain } from '../failures.ts';
import { unless } from './against.ts';
import { seenOf, type Outage } from './outage.ts';

/** What is not as before, and whether a person has ended the return; or the mains have failed again. */
export type ReturnEnd = 'power-lost' | { readonly exceptions: readonly string[]; readonly isAborted: boolean };

/**
 * Hands the watch to a run that brings the site back, and waits for it. When the mains have failed again, the watch is here
 * again afterwards.
 */
export async function bringBack(outage: Outage): Promise<ReturnEnd> {
  const { power, journal, notices, round } = outage;
  outage.changed = true;
  journal.stage('restore');
  // What was ordered before was about the outage; an abort from here on is about the return.
  round.orders = noOrders();
  outage.recent = withRound(outage.recent, round, now());
  const state = await power.stop();
  outage.discharge = seenOf(outage, state.watch);
  try {
    const result = await resultOf(outage, await begin(outage, state));
    journal.goOn(result.fates, result.events);
    notices.goOn(result.told);
    power.take(result.state, result.verdict);
    if (result.outcome !== 'power-lost') {
      return { exceptions: result.exceptions, isAborted: result.outcome === 'ended' };
    }
    power.goOn();
    return 'power-lost';
  } catch (error) {
    const exceptions = [
      `The return has failed: ${explain(error)}. Start by hand what is missing`,
      ...leftToTakeBack(outage.changes, outage.site),
    ];
    return { exceptions, isAborted: false };
  }
}

type Return = ChildWorkflowHandle<typeof powerRestore>;

function begin(outage: Outage, state: Awaited<ReturnType<Outage['power']['stop']>>): Promise<Return> {
  const { id, settings, journal, notices, changes, rehearsal, site, recent, round } = outage;
  const { nodes: fates, events } = journal.progress;
  return startChild(powerRestore, {
    workflowId: rehearsal ? powerRestoreId(`rehearsal/${settings.ups}`) : powerRestoreId(settings.ups),
    args: [
      {
        id: `${id}/${round.number}`,
        lease: thisRun(),
        ...{ settings, site, changes, fates, events, state, recent, rehearsal },
        told: notices.known,
      },
    ],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    staticSummary: `Bring ${settings.cluster} back`,
  });
}

/** An order to abort is handed on. */
async function resultOf({ round }: Outage, child: Return): Promise<PowerRestoreResult> {
  const ended = child.result();
  const result = await unless(
    () => round.orders.aborted,
    () => ended,
  );
  if (result !== null) return result;
  await child.signal(abortSignal).catch(() => undefined);
  return ended;
}
