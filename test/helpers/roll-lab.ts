import { inject } from 'vitest';
import { createRollLab, type RollLab, type RollLabOptions } from '../../scripts/lib/roll-lab.ts';
import type {} from './provided.ts';
import { uniqueName, workflowBundle } from './temporal.ts';

/** A lab on the run's shared Temporal server, in a namespace of its own. */
export function rollLab(options: Pick<RollLabOptions, 'site' | 'policy' | 'scale'>): Promise<RollLab> {
  return createRollLab({
    ...options,
    temporalAddress: inject('temporalAddress'),
    namespace: uniqueName('lab'),
    workflowBundlePath: workflowBundle().codePath,
  });
}
