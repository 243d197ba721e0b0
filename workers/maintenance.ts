import { createActivities } from '../activities/index.ts';
import { TaskQueue } from '../domain/task-queues.ts';
import { depsFromConfig } from './deps-from-config.ts';
import { runWorker, type RunOptions } from './run-worker.ts';

/** Runs the worker of the task queue `maintenance` until the process is told to end (SIGINT, SIGTERM). */
export function runMaintenanceWorker(options: RunOptions): Promise<void> {
  return runWorker(options, () => {
    const deps = depsFromConfig(options.config, options.env);
    return {
      taskQueue: TaskQueue.maintenance,
      activities: createActivities(deps),
      settings: {
        // One cluster is maintained by one node at a time; more only helps reads that run side by side.
        maxConcurrentActivityTaskExecutions: 20,
        maxCachedWorkflows: 50,
        // A running migration or reboot is better awaited for a while than broken off and found again.
        shutdownGraceTime: '30 seconds',
      },
      close: () => deps.close(),
    };
  });
}
