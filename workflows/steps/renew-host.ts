import { workflowInfo } from '@temporalio/workflow';
import { remoteJobId } from '../../domain/ids.ts';
import type { HostReading } from '../../domain/host.ts';
import { isContainer, judgeReboot } from '../../planning/reboot-required.ts';
import { explain } from './failures.ts';
import type { HostRun } from './host-run.ts';
import { whyNoPartners } from './look-at-host.ts';
import { mayReboot } from './reboot-choice.ts';

/** Upgrades the packages of a host by one job on it, and reports what became of which. */
export async function upgradeHost(run: HostRun): Promise<void> {
  const { host, policy, journal, upgrading } = run;
  const { listsValidFor, cleanUp, timeouts } = policy;
  const jobId = remoteJobId('patch', workflowInfo().runId);
  const within = timeouts.upgrade;
  journal.enter('upgrading');
  try {
    const upgrade = await upgrading.upgradeHost.executeWithOptions({ summary: `${host.name}: upgrade it` }, [
      { host: host.name, jobId, listsValidFor, cleanUp, within },
    ]);
    journal.upgraded(upgrade);
  } catch (error) {
    // What gave up waiting has not ended the job: nobody goes on while it works.
    await upgrading.awaitHostUpgradeOver
      .executeWithOptions({ summary: `${host.name}: wait until its upgrade is over` }, [
        { host: host.name, jobId, within },
      ])
      .catch((failure: unknown) => journal.warn(`its upgrade may still be at work: ${explain(failure)}`));
    throw error;
  }
}

/** Reboots a host that wants it, unless the policy or a person says otherwise. */
export async function rebootHostIfNeeded(run: HostRun): Promise<void> {
  const { host, policy, journal, operator, rebooting } = run;
  const reading = await readHost(run, 'does it want a reboot?');
  const { needed, because } = judgeReboot(reading.reboot, host.kind);
  if (needed === null) journal.warn(`nobody can tell whether it wants a reboot: ${because.join('; ')}`);
  if (needed !== true) return;
  journal.stillWantsReboot(because);
  if (!policy.autoReboot) return;
  if ('unknown' in reading.boot) {
    journal.warn(`it is not rebooted, for the reboot could not be proved: ${reading.boot.unknown}`);
    return;
  }
  if (!(await mayReboot(run, because, isContainer(reading.reboot, host.kind)))) {
    journal.warn('a person has stopped its reboot (skipReboot)');
    return;
  }
  await operator.safePoint();
  await run.lease.require();
  // They answered before the upgrade, which may be an hour ago.
  const missing = await whyNoPartners(run);
  if (missing !== null) {
    journal.warn(`it is not rebooted: ${missing.reason}`);
    return;
  }
  journal.enter('rebooting');
  const { downSeconds } = await rebooting.rebootHost.executeWithOptions({ summary: `${host.name}: reboot it` }, [
    { host: host.name, boot: reading.boot.value, within: policy.timeouts.reboot },
  ]);
  journal.rebooted({ because, downSeconds });
  const after = await readHost(run, 'does it still want a reboot?');
  const still = judgeReboot(after.reboot, host.kind);
  if (still.needed !== true) return;
  journal.stillWantsReboot(still.because);
  journal.warn(
    `it was rebooted and wants it still, which another reboot would not change: ${still.because.join('; ')}`,
  );
}

function readHost({ host, quick }: HostRun, why: string): Promise<HostReading> {
  return quick.readHostState.executeWithOptions({ summary: `${host.name}: ${why}` }, [
    { host: host.name, updates: false },
  ]);
}
