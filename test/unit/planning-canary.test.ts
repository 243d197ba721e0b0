import { describe, expect, it } from 'vitest';
import type { NodeKernels } from '../../domain/cluster.ts';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { planNode } from '../../planning/plan-node.ts';
import { aCluster, aPackage, aPolicy, NEW_KERNEL, OLD_KERNEL, outdated, someKernels } from '../helpers/builders.ts';

const pending = [aPackage(`proxmox-kernel-${NEW_KERNEL}-signed`, { from: null, to: '6.14.11-1' })];

function planWith(kernels: Partial<NodeKernels> = {}, policy: PolicyOverrides = {}) {
  const software = outdated('pve1', { pending, kernels: someKernels(kernels) });
  return planNode(aCluster(), software, aPolicy({ canaryKernel: 'when-new', ...policy }));
}

describe('a new kernel', () => {
  it('is tried for one boot where the policy says so, with the one that runs after it', () => {
    expect(planWith().canary).toEqual({ tries: NEW_KERNEL, fallback: OLD_KERNEL });
  });

  it('is tried, too, when it was installed by somebody else and only waits for the reboot', () => {
    const kernels = someKernels({ installed: [OLD_KERNEL, NEW_KERNEL] });
    const plan = planNode(
      aCluster(),
      outdated('pve1', { pending: [], kernels }),
      aPolicy({ canaryKernel: 'when-new' }),
    );
    expect(plan).toMatchObject({ action: 'reboot', canary: { tries: NEW_KERNEL, fallback: OLD_KERNEL } });
  });

  it.each<[string, Partial<NodeKernels>, PolicyOverrides]>([
    ['the policy does not ask for it', {}, { canaryKernel: 'never' }],
    ['the node is not to be rebooted', {}, { reboot: 'never' }],
    ['the running kernel is pinned', { pinned: OLD_KERNEL }, {}],
    ['a kernel is pinned for the next boot', { nextBoot: OLD_KERNEL }, { reboot: 'always' }],
  ])('is not tried where %s', (_, kernels, policy) => {
    expect(planWith(kernels, policy).canary).toBeUndefined();
  });

  it.each<[string, Partial<NodeKernels>, string]>([
    ['without proxmox-boot-tool', { canPin: false }, 'proxmox-boot-tool'],
    ['whose running kernel is gone', { installed: ['6.14.8-1-pve'] }, `${OLD_KERNEL} that it runs is not installed`],
  ])('keeps the run from starting on a node %s, rather than to go without a trial', (_, kernels, why) => {
    expect(planWith(kernels).findings).toMatchObject([
      { code: 'no-canary', severity: 'blocker', message: expect.stringContaining(why) as string },
    ]);
    expect(planWith(kernels, { canaryKernel: 'never' }).findings).toEqual([]);
  });
});
