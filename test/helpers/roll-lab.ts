import { inject } from 'vitest';
import { createRollLab, type RollLab, type RollLabOptions } from '../../scripts/lib/roll-lab.ts';
import type {} from './provided.ts';
import { uniqueName, workflowBundle } from './temporal.ts';

type Options = Pick<RollLabOptions, 'site' | 'policy' | 'patching' | 'power' | 'scale' | 'withoutPrivileges'> &
  Partial<Pick<RollLabOptions, 'temporalAddress'>>;

/** A lab on the run's shared Temporal server, if no other is named, in a namespace of its own. */
export function rollLab(options: Options): Promise<RollLab> {
  return createRollLab({
    temporalAddress: inject('temporalAddress'),
    ...options,
    namespace: uniqueName('lab'),
    workflowBundlePath: workflowBundle().codePath,
    workerBundles: inject('workerBundles'),
  });
}
