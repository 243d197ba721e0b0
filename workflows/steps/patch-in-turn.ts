import { condition } from '@temporalio/workflow';
import { toMilliseconds } from '../../domain/duration.ts';
import type { RunRef } from '../../domain/lease.ts';
import type { FleetSettings, PatchOverrides } from '../../domain/patch.ts';
import { nextHosts, type FleetTurn } from '../../planning/fleet.ts';
import { lineWithout } from '../../planning/host-line.ts';
import { quickActivities } from './activities.ts';
import { now } from './clock.ts';
import { explain } from './failures.ts';
import type { FleetJournal } from './fleet-journal.ts';
import type { Operator } from './operator.ts';
import { patchOne } from './patch-one.ts';

export interface FleetWork {
  readonly settings: FleetSettings;
  readonly policy: PatchOverrides;
  /** Who has the lease of the cluster for the hosts. */
  readonly lease: RunRef;
  readonly ignoreWindow: boolean;
  readonly badBefore: readonly string[];
  readonly journal: FleetJournal;
  readonly operator: Operator;
  /** Whether the run should continue as new before another host is begun. */
  readonly isLong: () => boolean;
}

/**
 * Patches the hosts, as many at a time as the group may have in hand. At the end of a maintenance window the others are
 * left. True when hosts are left only because the history has become long. Throws what the operator throws, after the hosts
 * in hand have come to their end; they hear the same requests.
 */
export async function patchInTurn(work: FleetWork): Promise<boolean> {
  const { journal, operator } = work;
  try {
    for (;;) {
      const { begin, leave } = next(work);
      for (const { host, reason } of leave) journal.over(notStarted(host, reason));
      const [host] = begin;
      if (host === undefined && journal.inHand.size === 0) {
        if ([...journal.outcomes().values()].includes('aborted')) operator.stopIfAsked();
        return false;
      }
      if (host !== undefined && work.isLong()) {
        await noneInHand(journal);
        // The next run would not know of what was asked of this one.
        await operator.safePoint();
        return true;
      }
      if (host === undefined) await oneOver(journal);
      else await beginOne(host, work);
    }
  } catch (error) {
    await noneInHand(journal);
    for (const host of journal.left()) journal.over(notStarted(host, explain(error)));
    throw error;
  }
}

function next({ settings, journal, badBefore }: FleetWork): FleetTurn {
  const { hosts, policy, neverTogether } = settings;
  return nextHosts({ hosts, policy, neverTogether, inHand: journal.inHand, over: journal.outcomes(), badBefore });
}

/** The last questions before a host is begun; it is not where the world has changed meanwhile. */
async function beginOne(host: string, work: FleetWork): Promise<void> {
  const { journal, operator } = work;
  await operator.safePoint();
  const closed = await whyClosed(host, work);
  operator.stopIfAsked();
  if (closed !== null) for (const each of journal.left()) journal.over(notStarted(each, closed));
  // Another one may have failed while the calendar was asked, or somebody may have asked for a pause.
  else if (!operator.paused && next(work).begin[0] === host) {
    journal.begun(host);
    void patchOne(host, work).then((line) => journal.over(line));
  }
}

/** Why no host is begun now; null: the maintenance window is open. */
async function whyClosed(host: string, { settings, ignoreWindow }: FleetWork): Promise<string | null> {
  const { windows, timeZone, expected, timeouts, dryRun } = settings;
  if (ignoreWindow || dryRun || windows.length === 0 || timeZone === null) return null;
  const answer = await quickActivities(timeouts.workerLost).readWindow.executeWithOptions(
    { summary: `${host}: is a maintenance window open?` },
    [{ windows, timeZone, now: now(), needed: toMilliseconds(expected) }],
  );
  if (answer.start) return null;
  return answer.opens === null
    ? `no maintenance window is as long as ${expected} (patching.expected)`
    : `no maintenance window is open; the next one opens on ${answer.opensLocal}`;
}

async function oneOver({ inHand }: FleetJournal): Promise<void> {
  const before = inHand.size;
  await condition(() => inHand.size < before);
}

async function noneInHand({ inHand }: FleetJournal): Promise<void> {
  await condition(() => inHand.size === 0);
}

function notStarted(host: string, reason: string) {
  return lineWithout(host, 'not-started', reason, null);
}
