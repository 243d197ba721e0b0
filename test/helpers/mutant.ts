import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Bundle of a copy of the workflows in which one file is changed: proof that a test can fail. */
export async function bundleMutant(file: string, change: (source: string) => string): Promise<WorkflowBundle> {
  // Below the project, so that the copy finds node_modules.
  await mkdir(join(ROOT, '.caretaker'), { recursive: true });
  const folder = await mkdtemp(join(ROOT, '.caretaker', 'mutant-'));
  try {
    for (const room of ['domain', 'planning', 'reports', 'workflows'])
      await cp(join(ROOT, room), join(folder, room), { recursive: true });
    const path = join(folder, 'workflows', file);
    const source = await readFile(path, 'utf8');
    const changed = change(source);
    if (changed === source) throw new Error(`The change does not fit ${file} any more; adapt it.`);
    await writeFile(path, changed);
    return await bundleWorkflowCode({
      workflowsPath: join(folder, 'workflows', 'index.ts'),
      logger: new DefaultLogger('WARN'),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
