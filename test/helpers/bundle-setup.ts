import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { TestProject } from 'vitest/node';
import type {} from './provided.ts';
import { oncePerRun } from './once.ts';

const ENTRY = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/caretaker/', import.meta.url));

/** Bundles the workflows once, from the sources as they are now, and provides the file's path. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const path = await oncePerRun('workflow-bundle', bundle);
  project.provide('workflowBundlePath', path);
  return async () => {
    if (path !== null) await rm(path, { force: true });
  };
}

async function bundle(): Promise<string | null> {
  if (!existsSync(ENTRY)) return null;
  const { code } = await bundleWorkflowCode({ workflowsPath: ENTRY, logger: new DefaultLogger('WARN') });
  // Named after the process, so that two test runs at the same time do not read each other's bundle.
  const path = `${CACHE}workflow-bundle-${String(process.pid)}.js`;
  await mkdir(CACHE, { recursive: true });
  await writeFile(path, code);
  return path;
}
