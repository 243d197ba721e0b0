import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { createLab, type Lab, type LabOptions } from '../../lab/index.ts';
import type { Site } from '../../lab/site.ts';
import { labConfig, type LabPatching, type LabPower } from './lab-config.ts';

const TOKEN_VARIABLE = 'CARETAKER_PVE_TOKEN';

export interface LabSiteOptions {
  /** Folder for the lab's state and for the configuration. */
  readonly directory: string;
  readonly site: Site;
  /** Virtual seconds per real second. */
  readonly scale: number;
  readonly temporal: { readonly address: string; readonly namespace: string };
  readonly policy?: PolicyOverrides;
  readonly patching?: LabPatching;
  readonly power?: LabPower;
  readonly withoutPrivileges?: LabOptions['withoutPrivileges'];
}

/** A running lab with the configuration that points Caretaker at it. */
export interface LabSite {
  readonly lab: Lab;
  readonly configFile: string;
  /** Environment of a worker or a CLI that shall work on this lab. */
  readonly env: NodeJS.ProcessEnv;
}

export async function createLabSite(options: LabSiteOptions): Promise<LabSite> {
  const { directory, site, scale, temporal, policy, patching, power, withoutPrivileges = [] } = options;
  await mkdir(directory, { recursive: true });
  const lab = await createLab({
    directory: join(directory, 'lab'),
    scale,
    site,
    withoutPrivileges,
    logFile: join(directory, 'events.jsonl'),
  });
  const configFile = join(directory, 'caretaker.yaml');
  await writeFile(
    configFile,
    labConfig(lab.access, {
      scale,
      tokenVariable: TOKEN_VARIABLE,
      ...(policy ? { policy } : {}),
      ...(patching ? { patching } : {}),
      ...(power ? { power } : {}),
    }),
  );
  return {
    lab,
    configFile,
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      CARETAKER_CONFIG: configFile,
      [TOKEN_VARIABLE]: `${lab.access.token.id}=${lab.access.token.secret}`,
    },
  };
}
