import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActivityDeps } from '../../activities/index.ts';
import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import type { Lab } from '../../lab/index.ts';
import type { Site } from '../../lab/site.ts';
import { createLabSite, type LabSiteOptions } from '../../scripts/lib/lab-site.ts';
import { depsFromConfig } from '../../workers/deps-from-config.ts';
import { activitiesOver } from './fake-deps.ts';

/** A lab and the activities over a worker's own connections to it; they need no Temporal. */
export interface LabActivities {
  readonly lab: Lab;
  readonly activities: ReturnType<typeof activitiesOver>;
  /** The connections themselves. */
  readonly deps: ActivityDeps;
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

/** A boot of the lab takes about a second; a look is not much shorter than its answer. */
const SCALE = 100;

export async function labActivities(
  site: Site,
  options: Pick<LabSiteOptions, 'withoutPrivileges'> = {},
): Promise<LabActivities> {
  const directory = await mkdtemp(join(tmpdir(), 'lab-activities-'));
  const temporal = { address: 'none', namespace: 'none' };
  const { lab, configFile, env } = await createLabSite({ directory, site, scale: SCALE, temporal, ...options });
  const config = await loadConfig({ path: configFile, env });
  const deps = depsFromConfig(config, env);
  return {
    lab,
    activities: activitiesOver(deps),
    deps,
    config,
    env,
    async close() {
      await deps.close();
      await lab.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
