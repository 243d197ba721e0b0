import type { z } from 'zod';
import { powerSchema } from '../../config/power-schema.ts';
import type { Lab } from '../../lab/index.ts';
import type { Site } from '../../lab/site.ts';
import { powerDepsFromConfig } from '../../workers/power-deps.ts';
import { powerActivitiesOver } from './fake-power.ts';
import { labActivities } from './lab-activities.ts';

export interface LabPowerActivities {
  readonly lab: Lab;
  readonly activities: ReturnType<typeof powerActivitiesOver>;
  close(): Promise<void>;
}

/** A lab and the activities of power over a worker's own connections to it; they need no Temporal. */
export async function labPowerActivities(
  site: Site,
  power: Omit<z.input<typeof powerSchema>, 'ups'> = {},
): Promise<LabPowerActivities> {
  const base = await labActivities(site);
  const { lab, config, env } = base;
  const { name, host, port } = lab.access.ups;
  const ups = { name, host, port, tls: 'off', interval: '10 ms' } as const;
  const deps = powerDepsFromConfig({ ...config, power: powerSchema.parse({ ...power, ups }) }, env);
  return {
    lab,
    activities: powerActivitiesOver(deps),
    async close() {
      await deps.close();
      await base.close();
    },
  };
}
