import { describe, expect, it } from 'vitest';
import {
  compareReleases,
  kernelOfPackage,
  needsReboot,
  newestKernel,
  nextKernel,
  willNeedReboot,
} from '../../planning/kernels.ts';
import { aPackage, NEW_KERNEL, OLD_KERNEL, someKernels } from '../helpers/builders.ts';

const both = { installed: [NEW_KERNEL, OLD_KERNEL] };

describe('kernel releases', () => {
  it('are compared number by number: 6.8.12-9 is older than 6.8.12-11', () => {
    expect(compareReleases('6.8.12-9-pve', '6.8.12-11-pve')).toBeLessThan(0);
    expect(newestKernel(['6.8.12-11-pve', '6.8.12-9-pve', '6.5.13-6-pve'])).toBe('6.8.12-11-pve');
    expect(newestKernel(['6.8.12-20-pve', '6.14.8-2-pve'])).toBe('6.14.8-2-pve');
  });

  it('are read from plain and signed packages under both names, and not from meta packages', () => {
    expect(kernelOfPackage('proxmox-kernel-6.14.8-2-pve')).toBe('6.14.8-2-pve');
    expect(kernelOfPackage('proxmox-kernel-6.14.8-2-pve-signed')).toBe('6.14.8-2-pve');
    expect(kernelOfPackage('pve-kernel-5.15.158-2-pve')).toBe('5.15.158-2-pve');
    expect(
      ['proxmox-kernel-6.14', 'proxmox-default-kernel', 'pve-firmware', 'pve-manager'].map(kernelOfPackage),
    ).toEqual([null, null, null, null]);
  });
});

describe('a reboot', () => {
  it('is needed when a newer kernel is installed than the one that runs', () => {
    expect(needsReboot(someKernels(both))).toBe(true);
    expect(needsReboot(someKernels())).toBe(false);
    expect(needsReboot(someKernels({ ...both, running: NEW_KERNEL }))).toBe(false);
  });

  it('is not needed while the running kernel is pinned, whatever is installed', () => {
    expect(needsReboot(someKernels({ ...both, pinned: OLD_KERNEL }))).toBe(false);
  });

  it('is needed when another kernel is pinned than the one that runs, even an older one', () => {
    const kernels = someKernels({ ...both, running: NEW_KERNEL, pinned: OLD_KERNEL });
    expect(needsReboot(kernels)).toBe(true);
    expect(nextKernel(kernels)).toBe(OLD_KERNEL);
  });

  it('leads to the kernel pinned for the next boot alone, whatever else is pinned', () => {
    expect(nextKernel(someKernels({ ...both, pinned: OLD_KERNEL, nextBoot: NEW_KERNEL }))).toBe(NEW_KERNEL);
  });

  it('leads to the running kernel when no installed one is known', () => {
    expect(nextKernel(someKernels({ installed: [] }))).toBe(OLD_KERNEL);
  });

  it('is foreseen when an upgrade brings a kernel, unless a pin keeps the old one', () => {
    const pending = [aPackage('proxmox-kernel-6.14'), aPackage(`proxmox-kernel-${NEW_KERNEL}-signed`)];
    expect(willNeedReboot(someKernels(), pending)).toBe(true);
    expect(willNeedReboot(someKernels({ pinned: OLD_KERNEL }), pending)).toBe(false);
    expect(willNeedReboot(someKernels(), [aPackage()])).toBe(false);
  });
});
