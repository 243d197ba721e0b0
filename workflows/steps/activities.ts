import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../../activities/index.ts';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
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
export async function loadSettings(input: PolicyOverrides): Promise<RollSettings> {
  try {
    return await quickActivities().loadRollSettings.executeWithOptions({ summary: 'check the input' }, [input]);
  } catch (error) {
    describeOutcome('failed');
    throw error;
  }
}

/** The same for the patching of a host. */
export async function loadHostSettings(host: string, policy: PatchOverrides): Promise<HostSettings> {
  try {
    return await quickActivities().loadHostSettings.executeWithOptions({ summary: 'check the input' }, [
      { host, policy },
    ]);
  } catch (error) {
    describeOutcome('failed');
    throw error;
  }
}

/** The same for the patching of a group of hosts. */
export async function loadFleetSettings(name: string, policy: PatchOverrides): Promise<FleetSettings> {
  try {
    return await quickActivities().loadFleetSettings.executeWithOptions({ summary: 'check the input' }, [
      { name, policy },
    ]);
  } catch (error) {
    describeOutcome('failed');
    throw error;
  }
}

/** The same for the weekly updates. */
export async function loadWeeklySettings(policy: PatchOverrides): Promise<WeeklySettings> {
  try {
    return await quickActivities().loadWeeklySettings.executeWithOptions({ summary: 'check the input' }, [{ policy }]);
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
