import { condition } from '@temporalio/workflow';
import { toMilliseconds } from '../../../domain/duration.ts';
import { restoreWaitsMail } from '../../../reports/outage-mail.ts';
import { askForLease, giveBackLease } from './cluster-lease.ts';
import { isHistoryLong } from './continue.ts';
import { awaitGate } from './restore-gate.ts';
import { restoreGuests } from './restore-guests.ts';
import type { Restore } from './restore.ts';
import { takeBackChanges } from './take-back.ts';
import { tell } from './tell.ts';
import { wakeNodes } from './wake-nodes.ts';

/** Minutes between two tries at what is still missing; longer each time. */
const FIRST_PAUSE = 15;
const LONGEST_PAUSE = 6 * 60;

/** Seconds between two questions for the lease. */
const ASK_AGAIN = 60;

const UNKNOWN_GUESTS = 'Nobody could read which guests ran before. Start those by hand that are missing.';

/** Tries until all is as before; then what people have to know all the same. */
export async function comeBack(restore: Restore): Promise<readonly string[] | 'too-long'> {
  const { journal, rehearsal, memory, site } = restore;
  if (!memory.open && (await awaitGate(restore)) === 'too-long') return 'too-long';
  memory.open = true;
  for (;;) {
    // An order that comes while it is being tried asks for another try all the same.
    const { retries } = restore.orders;
    if (memory.waitsUntil === null) {
      const exceptions = [
        ...(await wakeNodes(restore)),
        ...(await takeBackChanges(restore)),
        ...(await restoreGuests(restore)),
      ];
      memory.exceptions = site === null ? [...exceptions, UNKNOWN_GUESTS] : exceptions;
      if (exceptions.length === 0 || rehearsal) return memory.exceptions;
      for (const exception of exceptions) journal.note(exception);
      const pause = Math.min(FIRST_PAUSE * 2 ** memory.tries, LONGEST_PAUSE);
      memory.waitsUntil = new Date(Date.now() + pause * 60_000).toISOString();
      memory.tries += 1;
      await tell(restore, 'waits', (head) => restoreWaitsMail({ ...head, exceptions: memory.exceptions }));
    }
    if ((await waitForTheNextTry(restore, memory.waitsUntil, retries)) === 'too-long') return 'too-long';
    memory.waitsUntil = null;
  }
}

/** What is missing may take days: others may use the cluster meanwhile, and are let finish before the next try. */
async function waitForTheNextTry(restore: Restore, until: string, retries: number): Promise<'too-long' | 'try'> {
  const { journal, orders, lease, settings } = restore;
  journal.waitsFor('a person, or a later look: update retryNow or abort');
  await giveBackLease(settings.cluster, lease);
  const isOrdered = (): boolean => orders.retries > retries;
  const left = Math.max(1, Date.parse(until) - Date.now());
  await condition(() => isOrdered() || isHistoryLong(), left);
  if (!isOrdered() && Date.now() < Date.parse(until)) return 'too-long';
  journal.waitsFor('others that are at work in the cluster');
  const patience = Date.now() + toMilliseconds(settings.timeouts.yield);
  const ask = (): Promise<boolean> =>
    askForLease(settings.cluster, lease, 'the return after a power cut', 'maintenance');
  while (!(await ask()) && !isOrdered() && Date.now() < patience) await condition(isOrdered, `${ASK_AGAIN} seconds`);
  journal.waitsFor(null);
  return 'try';
}
