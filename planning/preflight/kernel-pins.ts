import type { NodeKernels } from '../../domain/cluster.ts';
import type { Finding } from '../../domain/finding.ts';
import { UNPIN } from '../canary.ts';
import { newestKernel } from '../kernels.ts';
import { blocker, warning } from '../findings.ts';

/** A forgotten pin keeps an old kernel for ever, and one to a kernel that is gone boots nobody knows what. */
export function kernelPins(node: string, { installed, running, pinned, nextBoot }: NodeKernels): Finding[] {
  const newest = newestKernel(installed);
  const found: Finding[] = [];
  for (const [kernel, option] of [
    [pinned, ''],
    [nextBoot, ' --next-boot'],
  ] as const) {
    const remedy = UNPIN.replace('unpin', `unpin${option}`);
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
          message: `${node} ${running === kernel ? 'stays on' : `runs ${running} and goes back to`} ${kernel}, to which its kernel is pinned, although ${newest} is installed`,
          remedy: `if ${newest} shall be booted, which a trial of it that did not go well may have kept from it: ${remedy}`,
        }),
      );
    }
  }
  return found;
}
