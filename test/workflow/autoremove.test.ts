import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { ApplicationFailure } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { NEW_KERNEL, aPackage, OLD_KERNEL, outdated } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, updateOneNode, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

const tidy: PolicyOverrides = { autoremove: 'after-proven-boot' };
const removals = (world: World) => world.calls.filter(({ name }) => name === 'removeUnusedPackages');

function withNewKernel(policy: PolicyOverrides): World {
  const world = aWorld([], policy);
  const kernel = aPackage(`proxmox-kernel-${NEW_KERNEL}-signed`, { from: null, to: '6.14.11-1' });
  world.software.set('pve1', outdated('pve1', { pending: [kernel] }));
  return world;
}

describe('packages that nothing needs', () => {
  it('are removed last, and never the kernel from before the reboot or the running one', async () => {
    const world = withNewKernel(tidy);
    expect(await updateOneNode(environment, world, { node: 'pve1' })).toMatchObject({ outcome: 'updated' });
    expect(world.calls.at(-1)).toMatchObject({
      name: 'removeUnusedPackages',
      input: { node: 'pve1', keepKernels: [OLD_KERNEL, NEW_KERNEL] },
    });
  });

  it('stay when the node was not rebooted, for no boot has proved anything', async () => {
    const world = aWorld([], tidy);
    await updateOneNode(environment, world, { node: 'pve1' });
    expect(removals(world)).toEqual([]);
  });

  it('stay when the node did not prove well', async () => {
    const world = withNewKernel({
      ...tidy,
      probes: [{ name: 'dns', kind: 'tcp', host: 'dns', port: 53, timeout: '1 second' }],
    });
    world.before.rebootNode = () => void world.ailing.set('dns', { name: 'dns', ok: false, detail: 'ECONNREFUSED' });
    await failureOf(updateOneNode(environment, world, { node: 'pve1' }));
    expect(removals(world)).toEqual([]);
  });

  it('stay by default', async () => {
    const world = withNewKernel({});
    await updateOneNode(environment, world, { node: 'pve1' });
    expect(removals(world)).toEqual([]);
  });

  it('that cannot be removed are worth a warning, not a failed update', async () => {
    const world = withNewKernel(tidy);
    world.before.removeUnusedPackages = () => {
      throw ApplicationFailure.nonRetryable('apt-get autoremove on pve1 did not end well: E: locked.', 'UpgradeFailed');
    };
    const report = await updateOneNode(environment, world, { node: 'pve1' });
    expect(report.outcome).toBe('updated');
    expect(report.warnings).toContain('apt-get autoremove on pve1 did not end well: E: locked.');
  });
});
