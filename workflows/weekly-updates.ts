import { CancellationScope } from '@temporalio/workflow';
import type { PatchOverrides, WeeklyReport } from '../domain/patch.ts';
import { loadWeeklySettings } from './steps/activities.ts';
import { endBadly, returnOrThrow, whyNoMoreGroups } from './steps/fleet-end.ts';
import { leaseOf, PATCH_AGAIN, thisRun } from './steps/lease.ts';
import { mailFleetReport } from './steps/mail-report.ts';
import { listenToOperator } from './steps/operator.ts';
import { patchGroup } from './steps/patch-group.ts';
import { describeRun } from './steps/run-attributes.ts';
import { createWeeklyJournal } from './steps/weekly-journal.ts';

export interface WeeklyUpdatesInput {
  /** Parts of the policy that differ from the configuration. */
  readonly policy?: PatchOverrides;
  /** Begin hosts outside the maintenance windows too. */
  readonly ignoreWindow?: boolean;
  /** Hosts of a group after which its run continues as new; Temporal's own suggestion by default. */
  readonly longest?: number;
}

/**
 * Patches the groups of `patching.weekly` one after the other, with one lease of the cluster and one report. Failed hosts do
 * not keep the next group from being patched; a person who stops the run does, and so does a group of which nobody can tell how
 * its hosts ended.
 *
 * Fails with `InvalidInput`, or with `FleetFailed`, `Refused` or `Aborted` that carry the WeeklyReport as first detail.
 */
export async function weeklyUpdates(input: WeeklyUpdatesInput | null = null): Promise<WeeklyReport> {
  const { policy = {}, ...passedOn } = input ?? {};
  const journal = createWeeklyJournal(() => operator);
  const operator = listenToOperator(() => journal.show());
  describeRun('weekly-updates');

  // Hosts come to the end of their step before a cancellation takes effect.
  return CancellationScope.nonCancellable(async () => {
    const settings = await loadWeeklySettings(policy);
    journal.opened(settings);
    const { cluster, groups, dryRun, timeouts } = settings;
    const lease = leaseOf(thisRun(), 'weekly updates', { cluster, policy: { timeouts } }, operator, PATCH_AGAIN);
    try {
      if (!dryRun) await lease.hold(timeouts.lease);
      for (const group of groups) {
        await operator.safePoint();
        journal.begun(group);
        const own = { ...passedOn, name: group, policy, lease: thisRun(), badBefore: journal.bad() };
        const end = await patchGroup(own, { settings, operator });
        journal.over(end.report);
        const stop = whyNoMoreGroups(end, journal.left());
        if (stop !== null) throw stop;
      }
      return returnOrThrow(journal.conclude());
    } catch (error) {
      throw journal.ended() ? error : endBadly(error, journal, operator);
    } finally {
      // Whoever asks for a dry run sees how it ends.
      if (!dryRun) {
        await lease.release();
        await mailFleetReport(journal.ended());
      }
    }
  });
}
