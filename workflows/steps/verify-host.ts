import { ApplicationFailure, sleep } from '@temporalio/workflow';
import { toMilliseconds } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import { whatIsNotAsBefore } from '../../planning/patching.ts';
import type { HostBefore, HostRun } from './host-run.ts';
import { askProbes } from './look-at-host.ts';

/** Looks while services settle, at least this far apart. */
const LOOKS = 12;
const SHORTEST_PAUSE_MS = 5_000;

/**
 * Waits until what was well before is well again: probes, and the containers of Docker. Fails with `ProbeFailed` when it is
 * not by the end of the time to settle.
 */
export async function verifyHost(run: HostRun, before: HostBefore): Promise<void> {
  const { host, policy, journal } = run;
  journal.enter('verifying');
  const length = toMilliseconds(policy.settle);
  const end = Date.now() + length;
  for (;;) {
    const wrong = await whatIsWrong(run, before);
    if (wrong.length === 0) return;
    const left = end - Date.now();
    if (left <= 0) {
      throw ApplicationFailure.create({
        type: ErrorType.ProbeFailed,
        message: `${policy.settle} after it was patched it is not as before: ${wrong.join('; ')}. Look at it on ${host.name}.`,
        nonRetryable: true,
      });
    }
    await sleep(Math.min(left, Math.max(SHORTEST_PAUSE_MS, length / LOOKS)), {
      summary: `${host.name}: let its services settle`,
    });
  }
}

/** What was well before and is not now, in words. */
export async function whatIsWrong(run: HostRun, before: HostBefore, tries = 1): Promise<string[]> {
  const { host, quick } = run;
  const probes = await askProbes(run, tries);
  const { containers } = before.reading;
  const ran = 'value' in containers && (containers.value?.length ?? 0) > 0;
  const after = ran
    ? await quick.readHostState.executeWithOptions({ summary: `${host.name}: which containers run?` }, [
        { host: host.name, updates: false },
      ])
    : before.reading;
  return whatIsNotAsBefore({ probes: before.probes, containers }, { probes, containers: after.containers });
}
