import type { StorageCondition } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import { blocker, warning } from '../findings.ts';
import { sizeOf } from './disk-space.ts';

const NEARLY_FULL = 0.9;

/** Enabled storages of a node that are not there, and those with little room for what may be moved to them. */
export function storageProblems(node: string, storages: readonly StorageCondition[]): Finding[] {
  return storages.flatMap(({ storage, active, total, used }): Finding[] => {
    if (!active) {
      return [
        blocker({
          code: 'storage-inactive',
          node,
          message: `the storage ${storage} of ${node} is enabled but not active`,
          remedy: `pvesm status on ${node} says why; if it is not to be used there: pvesm set ${storage} --disable 1`,
        }),
      ];
    }
    if (total === null || used === null || total === 0 || used / total < NEARLY_FULL) return [];
    return [
      warning({
        code: 'storage-full',
        node,
        message: `the storage ${storage} of ${node} is ${Math.floor((100 * used) / total)} % full, with ${sizeOf(total - used)} left`,
        remedy: 'free some of it before local disks are moved there',
      }),
    ];
  });
}
