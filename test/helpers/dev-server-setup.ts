import type { TestProject } from 'vitest/node';
import { startDevServer } from '../../scripts/temporal/dev-server.ts';
import { locateTemporalCli } from '../../scripts/temporal/locate.ts';
import type {} from './provided.ts';
import { oncePerRun } from './once.ts';

/** One dev server in memory for the whole run; tests keep apart by workflow ids and task queues of their own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { server, cliPath } = await oncePerRun('dev-server', start);
  project.provide('temporalAddress', server.address);
  project.provide('temporalCliPath', cliPath);
  return () => server.stop();
}

async function start() {
  const { path } = await locateTemporalCli();
  const server = await startDevServer({
    cliPath: path,
    headless: true,
    // A search attribute that was just registered is usable at once, not after the cache's minute.
    dynamicConfig: ['system.forceSearchAttributesCacheRefreshOnRead=true'],
  });
  return { server, cliPath: path };
}
