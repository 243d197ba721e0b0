import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';
import { WORKER } from '../../scripts/lib/worker-process.ts';
import { WORKFLOWS, writeWorkflowBundle } from './bundle.ts';
import { KILLABLE_WORKER } from './chaos/boundaries.ts';
import type {} from './provided.ts';
import { oncePerRun } from './once.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Named after the process, so that two test runs at the same time do not read each other's bundles. */
const CACHE = join(ROOT, `node_modules/.cache/caretaker/bundles-${String(process.pid)}`);

/** Bundles the workflows and the workers once, from the sources as they are now, and provides the paths of the files. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { workflows, workers } = await oncePerRun('bundles', bundle);
  project.provide('workflowBundlePath', workflows);
  project.provide('workerBundles', workers);
  return () => rm(CACHE, { recursive: true, force: true });
}

async function bundle(): Promise<{ workflows: string | null; workers: Record<string, string> }> {
  await mkdir(CACHE, { recursive: true });
  const [workflows, main, killable] = await Promise.all([
    bundleWorkflows(),
    bundleWorker(WORKER, 'main'),
    bundleWorker(KILLABLE_WORKER, 'killable'),
  ]);
  return { workflows, workers: { [WORKER]: main, [KILLABLE_WORKER]: killable } };
}

async function bundleWorkflows(): Promise<string | null> {
  if (!existsSync(WORKFLOWS)) return null;
  const path = join(CACHE, 'workflows.js');
  await writeWorkflowBundle(path);
  return path;
}

/** Our own sources in one file: a suite starts hundreds of workers, and each would transform all of them again. */
async function bundleWorker(source: string, name: string): Promise<string> {
  const outfile = join(CACHE, `${name}-worker.mjs`);
  await build({
    entryPoints: [join(ROOT, source)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    // The stacks of a worker that fails name the sources.
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  return outfile;
}
