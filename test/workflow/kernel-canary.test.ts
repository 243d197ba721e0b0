import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { ApplicationFailure } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { aPackage, aVm, NEW_KERNEL, OLD_KERNEL, outdated, someKernels } from '../helpers/builders.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aWorld, failureOf, updateOneNode, type Step, type World } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(async () => {
  await environment?.teardown();
});

function withNewKernel(policy: PolicyOverrides = {}): World {
  const world = aWorld([aVm(100)], { canaryKernel: 'when-new', ...policy });
  world.cluster = { qdevice: { votes: 1, connected: true } };
  const kernel = aPackage(`proxmox-kernel-${NEW_KERNEL}-signed`, { from: null, to: '6.14.11-1' });
  world.software.set('pve1', outdated('pve1', { pending: [kernel] }));
  return world;
}

const update = (world: World) => updateOneNode(environment, world, { node: 'pve1' });
const failedUpdate = (world: World) => failureOf(update(world));
const kernelsOf = (world: World) => world.software.get('pve1')?.kernels;

function fails(world: World, step: Step, type: string, message: string, when: (input: never) => boolean = () => true) {
  Object.assign(world.before, {
    [step]: (input: never) => {
      if (when(input)) throw ApplicationFailure.nonRetryable(message, type);
    },
  });
}

const pinLeft = {
  undo: { kind: 'kernel-pin', node: 'pve1', tries: NEW_KERNEL, fallback: OLD_KERNEL },
  remedy: expect.stringContaining('proxmox-boot-tool kernel unpin') as string,
};
const pinsLeftBy = ({ report }: Awaited<ReturnType<typeof failedUpdate>>) =>
  report.openUndo.filter(({ undo }) => undo.kind === 'kernel-pin');
const notProven = `pve1 was booted with ${NEW_KERNEL}, which has not proved well: it boots ${OLD_KERNEL} at its next start`;

describe('a new kernel on trial', () => {
  // First here: after a run with a child run, the time-skipping server skips no time any more.
  it('is pinned for the reboot alone, and kept after the soak, before old kernels are removed', async () => {
    const world = withNewKernel({ soak: '10 minutes', autoremove: 'after-proven-boot' });
    const report = await update(world);
    expect(report).toMatchObject({
      outcome: 'updated',
      reboot: { kernelAfter: NEW_KERNEL, canary: 'kept' },
      warnings: [],
      openUndo: [],
    });
    const steps = world.changes().filter((change) => !change.startsWith('awaitRejoin'));
    expect(steps).toEqual([
      'move 100 pve1→pve2',
      'upgradeNode pve1',
      'ensureKernelCanary pve1',
      'rebootNode pve1',
      'move 100 pve2→pve1',
      'endKernelCanary pve1',
      'removeUnusedPackages pve1',
    ]);
    expect(world.calls.findLast(({ name }) => name === 'endKernelCanary')?.input).toMatchObject({ proven: true });
    expect(kernelsOf(world)).toMatchObject({ running: NEW_KERNEL, pinned: null, nextBoot: null });
  });

  it('is not asked for by default', async () => {
    const world = withNewKernel({ canaryKernel: 'never' });
    expect((await update(world)).reboot).toEqual(expect.not.objectContaining({ canary: expect.anything() as unknown }));
    expect(world.changes()).not.toContain('ensureKernelCanary pve1');
  });

  it('is none where somebody has pinned the kernel that is booted, which is worth a warning', async () => {
    const world = aWorld([], { canaryKernel: 'when-new' });
    const kernels = someKernels({ installed: [OLD_KERNEL, NEW_KERNEL], pinned: NEW_KERNEL });
    world.software.set('pve1', outdated('pve1', { kernels }));
    const report = await update(world);
    expect(world.changes()).not.toContain('ensureKernelCanary pve1');
    expect(report.warnings).toContain(`${NEW_KERNEL} is booted on pve1 without a trial, for somebody has pinned it`);
    expect(kernelsOf(world)?.pinned).toBe(NEW_KERNEL);
  });

  it('is taken back when the node may not be rebooted after all', async () => {
    const world = withNewKernel();
    world.before.ensureKernelCanary = () => {
      world.cluster = { ...world.cluster, quorate: false };
    };
    const failure = await failedUpdate(world);
    expect(failure.message).toContain('pve1 is not rebooted');
    expect(world.changes()).not.toContain('rebootNode pve1');
    expect(failure.report.openUndo).toEqual([]);
    expect(kernelsOf(world)).toMatchObject({ running: OLD_KERNEL, pinned: null, nextBoot: null });
  });

  it('leaves its pins while a reboot may still come, and says what to do at the console', async () => {
    const world = withNewKernel();
    fails(world, 'rebootNode', 'RebootNotProven', 'Waited 20 minutes for pve1 to reboot: it does not answer.');
    const failure = await failedUpdate(world);
    expect(pinsLeftBy(failure)).toMatchObject([pinLeft]);
    expect(pinsLeftBy(failure)[0]?.remedy).toContain(`choose ${OLD_KERNEL} in the boot menu`);
    expect(kernelsOf(world)).toMatchObject({ pinned: OLD_KERNEL, nextBoot: NEW_KERNEL });
  });

  it('keeps the pin to the old kernel while the node is sick', async () => {
    const world = withNewKernel();
    fails(world, 'awaitRejoin', 'RejoinFailed', 'Waited 15 minutes for pve1: service corosync is not active.');
    const failure = await failedUpdate(world);
    expect(failure.report.reboot).toMatchObject({ kernelAfter: NEW_KERNEL, canary: 'on-trial' });
    expect(pinsLeftBy(failure)).toMatchObject([pinLeft]);
    expect(world.changes()).not.toContain('endKernelCanary pve1');
    expect(kernelsOf(world)?.pinned).toBe(OLD_KERNEL);
  });

  it('keeps it, too, when the node is well too late: its guests go home, and a person decides about the kernel', async () => {
    const world = withNewKernel();
    const late = 'Waited 15 minutes for pve1: storage nfs is not active.';
    fails(world, 'awaitRejoin', 'RejoinFailed', late, ({ expected }: never) => expected['kernel'] !== null);
    const failure = await failedUpdate(world);
    expect(failure.report.openUndo).toMatchObject([{ ...pinLeft, reason: notProven }]);
    expect(world.guests[0]?.node).toBe('pve1');
    expect(kernelsOf(world)?.pinned).toBe(OLD_KERNEL);
  });

  it('keeps it when a probe is not well after the update', async () => {
    const probe = { name: 'dns', kind: 'tcp', host: 'dns', port: 53, timeout: '1 second' } as const;
    const world = withNewKernel({ probes: [probe] });
    world.before.rebootNode = () => void world.ailing.set('dns', { name: 'dns', ok: false, detail: 'ECONNREFUSED' });
    const failure = await failedUpdate(world);
    expect(failure.report.openUndo).toMatchObject([{ ...pinLeft, reason: notProven }]);
    expect(kernelsOf(world)?.pinned).toBe(OLD_KERNEL);
  });

  it('that does not stay leaves the node pinned to the old one, with a word about it', async () => {
    const world = withNewKernel();
    world.before.rebootNode = () => {
      const software = world.software.get('pve1');
      if (software) world.software.set('pve1', { ...software, kernels: { ...software.kernels, nextBoot: null } });
    };
    const old = `Waited 15 minutes for pve1: runs kernel ${OLD_KERNEL} instead of ${NEW_KERNEL}.`;
    fails(world, 'awaitRejoin', 'RejoinFailed', old, ({ expected }: never) => expected['kernel'] !== null);
    const failure = await failedUpdate(world);
    expect(failure.report.openUndo).toEqual([]);
    expect(failure.report.warnings).toEqual([
      expect.stringContaining(`pve1 runs ${OLD_KERNEL} again and stays pinned`),
    ]);
    expect(kernelsOf(world)).toMatchObject({ running: OLD_KERNEL, pinned: OLD_KERNEL });
  });

  it('that is well but cannot be unpinned is no failed update: the report says what is left to do', async () => {
    const world = withNewKernel();
    const words = 'proxmox-boot-tool on pve1 did not end well: E: /dev/disk/by-uuid/DEAD-BEEF does not exist.';
    fails(world, 'endKernelCanary', 'RemoteRefused', words);
    const report = await update(world);
    expect(report).toMatchObject({ outcome: 'updated', warnings: [words], openUndo: [{ ...pinLeft, reason: words }] });
  });
});
