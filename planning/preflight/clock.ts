import type { Finding } from '../../domain/finding.ts';
import { describeMilliseconds } from '../../domain/duration.ts';
import { blocker, warning } from '../findings.ts';

const NOTICEABLE_MS = 5_000;

/** The HA manager takes a node that is two minutes behind for dead; half of that leaves time to mend it. */
const DANGEROUS_MS = 60_000;

export function clockSkew(node: string, clockAhead: number): Finding[] {
  const skew = Math.abs(clockAhead);
  if (skew < NOTICEABLE_MS) return [];
  const make = skew >= DANGEROUS_MS ? blocker : warning;
  return [
    make({
      code: 'clock-skew',
      node,
      message: `the clock of ${node} is ${describeMilliseconds(skew)} ${clockAhead > 0 ? 'ahead of' : 'behind'} that of the worker`,
      remedy: 'timedatectl on both says which one is wrong; mend its time service (chronyc tracking)',
    }),
  ];
}
