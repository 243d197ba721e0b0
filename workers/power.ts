import { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { createPowerActivities } from '../activities/power/index.ts';
import { powerGuardId } from '../domain/ids.ts';
import { TaskQueue } from '../domain/task-queues.ts';
import type { powerGuard } from '../workflows/power-guard.ts';
import { powerDepsFromConfig } from './power-deps.ts';
import { runWorker, type RunOptions } from './run-worker.ts';

/**
 * Runs the worker of the task queue `power` until the process is told to end (SIGINT, SIGTERM), and sees that the UPS is
 * being watched: it starts `powerGuard` unless that runs.
 *
 * @throws {InputError} where the configuration has no section `power`.
 */
export function runPowerWorker(options: RunOptions): Promise<void> {
  return runWorker(options, () => {
    const deps = powerDepsFromConfig(options.config, options.env);
    const taskQueue = options.taskQueue ?? TaskQueue.power;
    return {
      taskQueue,
      activities: createPowerActivities(deps),
      settings: {
        // Every node's guests at once, the watch, and reads beside them.
        maxConcurrentActivityTaskExecutions: 50,
        maxCachedWorkflows: 20,
        // The watch is handed to the next worker within seconds; nothing here is worth a longer wait.
        shutdownGraceTime: '5 seconds',
      },
      begin: (connection, namespace) =>
        ensureGuard(connection, namespace, { ups: deps.power.settings().ups, taskQueue }),
      close: () => deps.close(),
    };
  });
}

/** Any number of workers may start it: there is one. */
async function ensureGuard(
  connection: NativeConnection,
  namespace: string,
  { ups, taskQueue }: { readonly ups: string; readonly taskQueue: string },
): Promise<void> {
  const client = new Client({ connection, namespace });
  await client.workflow.start<typeof powerGuard>('powerGuard', {
    workflowId: powerGuardId(ups),
    taskQueue,
    args: [],
    workflowIdConflictPolicy: 'USE_EXISTING',
    staticSummary: `Watch ${ups}`,
  });
}
