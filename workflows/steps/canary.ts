import { ApplicationFailure } from '@temporalio/workflow';
import type { NodeHealth, NodeSoftware } from '../../domain/cluster.ts';
import type { Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { Undo } from '../../domain/undo.ts';
import { canaryOf, notProven, whyNoCanary } from '../../planning/canary.ts';
import { nextKernel } from '../../planning/kernels.ts';
import { waitingActivities } from './activities.ts';
import { giveBack } from './give-back.ts';
import { leaveForLater } from './leave-for-later.ts';
import type { NodeRun } from './node-run.ts';

/** Kernels are copied to every boot partition, and GRUB looks at every disk. */
const WITHIN: Duration = '15 minutes';

/**
 * Makes the reboot that is due the trial of a new kernel, where the policy wants one: the kernel that runs is pinned, the
 * new one for one boot. Any boot from then on is the trial, so nothing that takes its time may come after it.
 */
export async function armCanary(run: NodeRun, { kernels, bootId }: NodeSoftware): Promise<void> {
  const { node, policy, ledger, journal } = run;
  const canary = canaryOf(kernels, policy);
  if (canary === null) {
    if (policy.canaryKernel !== 'never' && nextKernel(kernels) !== kernels.running) {
      journal.warn(`${nextKernel(kernels)} is booted on ${node} without a trial, for somebody has pinned it`);
    }
    return;
  }
  const why = whyNoCanary(kernels);
  if (why !== null) {
    throw ApplicationFailure.create({
      type: ErrorType.PlanChanged,
      message: `${node} is not rebooted into ${canary.tries} without a trial: ${why}. Its upgrade is done; mend this, or set rollingUpdate.canaryKernel "never", and start again.`,
      nonRetryable: true,
    });
  }
  if (!ledger.open().some(isPin)) ledger.add({ kind: 'kernel-pin', node, bootId, ...canary, trial: 'armed' });
  await waitingActivities(policy.timeouts, WITHIN).ensureKernelCanary.executeWithOptions(
    { summary: `${node}: try ${canary.tries} for one boot, ${canary.fallback} after it` },
    [{ node, bootId, ...canary, within: WITHIN }],
  );
}

/** The node was booted with `kernel`: true when that began the trial of it. */
export function beginTrial({ ledger }: NodeRun, kernel: string): boolean {
  const armed = ledger.open().find(isPin);
  if (armed?.tries !== kernel) return false;
  const onTrial = { ...armed, trial: 'on-trial' } as const;
  ledger.settle(armed);
  ledger.add(onTrial);
  ledger.hold(onTrial, notProven(onTrial));
  return true;
}

/** The node has proved well with its new kernel: from now on it is the one that is booted. */
export async function keepKernel(run: NodeRun, before: NodeHealth): Promise<void> {
  const { journal, ledger } = run;
  const onTrial = ledger.open().find(isPin);
  if (onTrial === undefined) return;
  ledger.settle(onTrial);
  ledger.add({ ...onTrial, trial: 'proven' });
  journal.keptKernel();
  await giveBack(run, WITHIN, isPin);
  const open = ledger.left().filter(({ undo }) => isPin(undo));
  await leaveForLater(run, before, open);
  for (const { reason } of open) journal.warn(reason);
}

function isPin(undo: Undo): undo is Extract<Undo, { kind: 'kernel-pin' }> {
  return undo.kind === 'kernel-pin';
}
