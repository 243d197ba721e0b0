import type { PolicyOverrides, RollSettings } from '../domain/policy.ts';
import type { ActivityDeps } from './deps.ts';

export function createSettingsActivities(deps: ActivityDeps) {
  return {
    /** The configuration with a run's input merged in. Fails with `InvalidInput`, naming every wrong field. */
    loadRollSettings(input: PolicyOverrides): Promise<RollSettings> {
      return Promise.resolve().then(() => deps.settings(input));
    },
  };
}
