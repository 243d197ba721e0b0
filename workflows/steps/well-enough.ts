import type { Duration } from '../../domain/duration.ts';
import type { PolicyTimeouts } from '../../domain/policy.ts';
import { missingForRejoin, type RejoinExpectation } from '../../planning/rejoin.ts';
import { waitingActivities } from './activities.ts';
import { explain } from './failures.ts';

/** A node that something was left on, and what proves that it is well. */
export interface Patient {
  readonly node: string;
  readonly timeouts: PolicyTimeouts;
  /** An upgrade that may still be at work on it. */
  readonly upgradeJob: string | null;
  /** Null when nobody has seen it well before. */
  readonly expected: RejoinExpectation | null;
}

/** An upgrade that was lost sight of may still be at work; throws while it is. */
export async function awaitUpgradeOver(
  { node, timeouts, upgradeJob }: Pick<Patient, 'node' | 'timeouts' | 'upgradeJob'>,
  within: Duration,
): Promise<void> {
  if (upgradeJob === null) return;
  await waitingActivities(timeouts, within).awaitUpgradeOver.executeWithOptions(
    { summary: `${node}: make sure that its upgrade is over` },
    [{ node, jobId: upgradeJob, within }],
  );
}

/** Why the node cannot take back its guests: its upgrade still runs, or it is not the full member that it was. */
export async function whyNotWell(
  patient: Patient,
  within: { readonly upgrade: Duration; readonly rejoin: Duration },
): Promise<string[]> {
  const because = (error: unknown) => [explain(error)];
  return [
    ...(await awaitUpgradeOver(patient, within.upgrade).then(() => [], because)),
    ...(await whatIsMissing(patient, within.rejoin).catch(because)),
  ];
}

async function whatIsMissing({ node, timeouts, expected }: Patient, within: Duration): Promise<string[]> {
  if (expected === null) return [];
  const health = await waitingActivities(timeouts, within).awaitRejoin.executeWithOptions(
    { summary: `${node}: see whether it is well enough to take its guests back` },
    [{ node, expected, within }],
  );
  return missingForRejoin(health, expected);
}
