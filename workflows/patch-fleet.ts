import { ApplicationFailure, CancellationScope, continueAsNew, workflowInfo } from '@temporalio/workflow';
import { ErrorType } from '../domain/errors.ts';
import type { RunRef } from '../domain/lease.ts';
import type { FleetReport, PatchOverrides } from '../domain/patch.ts';
import { loadFleetSettings } from './steps/activities.ts';
import { concludeFleet, endBadly } from './steps/fleet-end.ts';
import { createFleetJournal, type FleetCarried, type FleetJournal } from './steps/fleet-journal.ts';
import { leaseOf, PATCH_AGAIN, thisRun } from './steps/lease.ts';
import { mailFleetReport } from './steps/mail-report.ts';
import { listenToOperator } from './steps/operator.ts';
import { patchInTurn } from './steps/patch-in-turn.ts';
import { describeRun } from './steps/run-attributes.ts';

export interface PatchFleetInput {
  /** Group or host of the configuration. */
  readonly name: string;
  /** Parts of the policy that differ from the configuration. */
  readonly policy?: PatchOverrides;
  /** Begin hosts outside the maintenance windows too. */
  readonly ignoreWindow?: boolean;
  /** The run that has the lease of the cluster for this one; absent: it asks for itself. */
  readonly lease?: RunRef;
  /** Hosts that ended badly earlier, in another group of the same run. */
  readonly badBefore?: readonly string[];
  /** From the run before this one. */
  readonly carried?: FleetCarried;
  /** Hosts that are over after which it continues as new; Temporal's own suggestion by default. */
  readonly longest?: number;
}

/**
 * Patches the hosts of a group, some at a time, each by a run of its own. It can be a group of thousands: it continues as
 * new whenever its history has become long.
 *
 * Guarantees: never more hosts in hand than the group may have, never two that must not be away together, and none of such a
 * set after one of it has ended badly. What happens to one host is a line of the report, and the others go on as the policy
 * says. It has the lease of the cluster, its own or that of the run that has started it; a dry run needs none.
 *
 * Fails with `InvalidInput`, or with `FleetFailed`, `Refused` or `Aborted` that carry the FleetReport as first detail.
 */
export async function patchFleet(input: PatchFleetInput): Promise<FleetReport> {
  const name = (input as Partial<PatchFleetInput> | undefined)?.name;
  if (typeof name !== 'string') {
    throw ApplicationFailure.nonRetryable('name: name a group or a host, as {"name": "lxc"}', ErrorType.InvalidInput);
  }
  const journal = createFleetJournal(name, () => operator, input.carried);
  const operator = listenToOperator(() => journal.show());
  describeRun('fleet-patch', name);

  // Hosts come to the end of their step before a cancellation takes effect.
  return CancellationScope.nonCancellable(async () => {
    const settings = input.carried?.settings ?? (await loadFleetSettings(name, input.policy ?? {}));
    journal.opened(settings);
    const { cluster, timeouts } = settings;
    const run = input.lease ?? thisRun();
    const own = input.lease === undefined && !settings.dryRun;
    const lease = leaseOf(run, `patching of ${name}`, { cluster, policy: { timeouts } }, operator, PATCH_AGAIN);
    let goesOn = false;
    try {
      if (own) await lease.hold(timeouts.lease);
      goesOn = await patchInTurn({
        settings,
        policy: input.policy ?? {},
        ignoreWindow: input.ignoreWindow ?? false,
        lease: run,
        badBefore: input.badBefore ?? [],
        journal,
        operator,
        isLong: () => isLong(input, journal),
      });
      if (!goesOn) return concludeFleet(journal, settings.dryRun);
    } catch (error) {
      throw journal.ended() ? error : endBadly(error, journal, operator);
    } finally {
      if (!goesOn) {
        if (own) await lease.release();
        if (!settings.dryRun) await mailFleetReport(journal.ended());
      }
    }
    return continueAsNew<typeof patchFleet>({ ...input, carried: journal.carried(settings) });
  });
}

/** Whatever is carried along was over before. */
function isLong({ longest, carried }: PatchFleetInput, journal: FleetJournal): boolean {
  const since = journal.outcomes().size - (carried?.lines.length ?? 0);
  return workflowInfo().continueAsNewSuggested || (longest !== undefined && since >= longest);
}
