import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import type { NutClientSettings, NutClientsInput } from '../../domain/nut-client.ts';
import type { FleetSettings, HostSettings, PatchOverrides, WeeklySettings } from '../../domain/patch.ts';
import type { PolicyOverrides, PolicyTimeouts, RollSettings } from '../../domain/policy.ts';
import { describeOutcome } from './run-attributes.ts';

/** Until the configuration has been read, nobody has said how long a silent worker may be trusted. */
const DEFAULT_WORKER_LOST: Duration = '20 seconds';

/** Temporal's own limit comes after the activity's, which ends with an explanation. */
const MARGIN: Duration = '2 minutes';

/**
 * Activities that read or change something small: tried again for a few minutes, then the run fails and tidies up.
 *
 * Every proxy waits for a cancelled activity to end: the default lets clean-up race a migration that still runs.
 */
export function quickActivities(workerLost: Duration = DEFAULT_WORKER_LOST) {
  return proxyActivities<Activities>({
    startToCloseTimeout: '3 minutes',
    scheduleToCloseTimeout: '15 minutes',
    heartbeatTimeout: workerLost,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '20 seconds' },
  });
}

/** Activities that look once, for those who will look again anyway. */
export function lookingActivities() {
  return proxyActivities<Activities>({
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: '2 minutes',
    heartbeatTimeout: DEFAULT_WORKER_LOST,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 2 },
  });
}

/** The configuration with the input of the run merged in. */
export function loadSettings(input: PolicyOverrides): Promise<RollSettings> {
  return orFailed(quickActivities().loadRollSettings.executeWithOptions(CHECK_INPUT, [input]));
}

/** The same for the patching of a host. */
export function loadHostSettings(host: string, policy: PatchOverrides): Promise<HostSettings> {
  return orFailed(quickActivities().loadHostSettings.executeWithOptions(CHECK_INPUT, [{ host, policy }]));
}

/** The same for the patching of a group of hosts. */
export function loadFleetSettings(name: string, policy: PatchOverrides): Promise<FleetSettings> {
  return orFailed(quickActivities().loadFleetSettings.executeWithOptions(CHECK_INPUT, [{ name, policy }]));
}

/** The same for the weekly updates. */
export function loadWeeklySettings(policy: PatchOverrides): Promise<WeeklySettings> {
  return orFailed(quickActivities().loadWeeklySettings.executeWithOptions(CHECK_INPUT, [{ policy }]));
}

/** The same for the NUT clients of the nodes. */
export function loadNutClientSettings(input: NutClientsInput | null): Promise<NutClientSettings> {
  return orFailed(quickActivities().loadNutClientSettings.executeWithOptions(CHECK_INPUT, [input]));
}

const CHECK_INPUT = { summary: 'check the input' };

/** A run without settings has no report that could tell its outcome. */
async function orFailed<T>(settings: Promise<T>): Promise<T> {
  try {
    return await settings;
  } catch (error) {
    describeOutcome('failed');
    throw error;
  }
}

/**
 * Activities that wait for the world: they know `within` themselves, count it from their first attempt and say at its
 * end what they still waited for.
 */
export function waitingActivities(timeouts: Pick<PolicyTimeouts, 'workerLost'>, within: Duration) {
  const limit = toMilliseconds(within) + toMilliseconds(MARGIN);
  return proxyActivities<Activities>({
    startToCloseTimeout: limit,
    scheduleToCloseTimeout: limit,
    heartbeatTimeout: timeouts.workerLost,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
  });
}
