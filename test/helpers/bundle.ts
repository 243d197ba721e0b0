import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

export const WORKFLOWS = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));

/** Bundles the workflows, from the sources as they are now, into a file for `workflowBundle`. */
export async function writeWorkflowBundle(file: string): Promise<void> {
  const { code } = await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: new DefaultLogger('WARN') });
  await writeFile(file, code);
}
