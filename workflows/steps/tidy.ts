import { workflowInfo } from '@temporalio/workflow';
import { remoteJobId } from '../../domain/ids.ts';
import { waitingActivities } from './activities.ts';
import { explain } from './failures.ts';
import type { NodeRun } from './node-run.ts';

/**
 * Removes packages that nothing needs, old kernels among them: only after this run has seen the node boot and prove well,
 * and never the kernel from before or the one that runs. What cannot be removed is worth a warning.
 */
export async function tidy({ node, policy, journal }: NodeRun): Promise<void> {
  const reboot = journal.rebootProof();
  if (policy.autoremove === 'never' || reboot === null) return;
  const within = policy.timeouts.upgrade;
  const jobId = remoteJobId('autoremove', workflowInfo().firstExecutionRunId);
  const keepKernels = [reboot.kernelBefore, reboot.kernelAfter];
  try {
    await waitingActivities(policy.timeouts, within).removeUnusedPackages.executeWithOptions(
      { summary: `${node}: remove packages that nothing needs` },
      [{ node, jobId, keepKernels, within }],
    );
  } catch (error) {
    journal.warn(explain(error));
  }
}
