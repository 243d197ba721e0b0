import type { NodeKernels } from '../../domain/cluster.ts';
import type { Finding } from '../../domain/finding.ts';
import { newestKernel } from '../kernels.ts';
import { blocker, warning } from '../findings.ts';

/** A forgotten pin keeps an old kernel for ever, and one to a kernel that is gone boots nobody knows what. */
export function kernelPins(node: string, { installed, pinned, nextBoot }: NodeKernels): Finding[] {
  const newest = newestKernel(installed);
  const found: Finding[] = [];
  for (const [kernel, option] of [
    [pinned, ''],
    [nextBoot, ' --next-boot'],
  ] as const) {
    const remedy = `proxmox-boot-tool kernel unpin${option}`;
    if (kernel === null) continue;
    if (!installed.includes(kernel)) {
      found.push(
        blocker({
          code: 'pin-broken',
          node,
          message: `the kernel of ${node} is pinned${option === '' ? '' : ' for the next boot'} to ${kernel}, which is not installed`,
          remedy,
        }),
      );
    } else if (option !== '') {
      found.push(
        warning({
          code: 'kernel-pinned',
          node,
          message: `${node} boots ${kernel} the next time, whatever is installed, because of a pin for one boot`,
          remedy: `if nobody wants that any more: ${remedy}`,
        }),
      );
    } else if (newest !== undefined && kernel !== newest) {
      found.push(
        warning({
          code: 'kernel-pinned',
          node,
          message: `the kernel of ${node} is pinned to ${kernel} although ${newest} is installed`,
          remedy: `to boot the newest again: ${remedy}`,
        }),
      );
    }
  }
  return found;
}
