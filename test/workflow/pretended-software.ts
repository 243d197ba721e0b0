import { ApplicationFailure } from '@temporalio/client';
import type { CanaryEnd, EndKernelCanaryInput, KernelCanaryInput } from '../../activities/kernel-canary.ts';
import type { NodeKernels, NodeSoftware } from '../../domain/cluster.ts';
import { kernelOfPackage, nextKernel } from '../../planning/kernels.ts';
import type { World } from './roll-world.ts';

export function softwareOf(world: World, node: string): NodeSoftware {
  const software = world.software.get(node);
  if (!software) throw ApplicationFailure.nonRetryable(`the test has no software of ${node}`);
  return software;
}

export function upgrade(world: World, node: string) {
  const { pending, kernels, ...rest } = softwareOf(world, node);
  const installed = [...kernels.installed, ...pending.flatMap((each) => kernelOfPackage(each.name) ?? [])];
  world.software.set(node, { ...rest, pending: [], kernels: { ...kernels, installed } });
  return { packages: pending };
}

export function boot(world: World, node: string) {
  const { kernels, bootId, ...rest } = softwareOf(world, node);
  const after = { bootId: `${bootId}+`, runningKernel: nextKernel(kernels) };
  const booted = { ...kernels, running: after.runningKernel, nextBoot: null };
  world.software.set(node, { ...rest, bootId: after.bootId, kernels: booted });
  return after;
}

function pin(world: World, node: string, pins: Pick<NodeKernels, 'pinned' | 'nextBoot'>): void {
  const software = softwareOf(world, node);
  world.software.set(node, { ...software, kernels: { ...software.kernels, ...pins } });
}

export function armCanary(world: World, { node, tries, fallback }: KernelCanaryInput): true {
  pin(world, node, { pinned: fallback, nextBoot: tries });
  return true;
}

export function endCanary(world: World, { node, bootId, tries, proven }: EndKernelCanaryInput): CanaryEnd {
  const { bootId: now, kernels } = softwareOf(world, node);
  if (now !== bootId && !proven) return kernels.running === tries ? 'undecided' : 'fallback-stays';
  pin(world, node, { pinned: null, nextBoot: null });
  return 'unpinned';
}
