import type { FleetSettings, HostSettings, PatchOverrides, WeeklySettings } from '../domain/patch.ts';
import type { ActivityDeps } from './deps.ts';

export function createPatchSettingsActivities({ patchSettings }: ActivityDeps) {
  return {
    /** The configuration of one host with a run's input merged in. Fails with `InvalidInput`, naming every wrong field. */
    loadHostSettings(input: { readonly host: string; readonly policy: PatchOverrides }): Promise<HostSettings> {
      return Promise.resolve().then(() => patchSettings.host(input));
    },

    /** The same for a group of hosts, or one host by its name. */
    loadFleetSettings(input: { readonly name: string; readonly policy: PatchOverrides }): Promise<FleetSettings> {
      return Promise.resolve().then(() => patchSettings.fleet(input));
    },

    /** The same for the weekly updates. */
    loadWeeklySettings(input: { readonly policy: PatchOverrides }): Promise<WeeklySettings> {
      return Promise.resolve().then(() => patchSettings.weekly(input));
    },
  };
}
