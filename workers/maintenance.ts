import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import {
  NativeConnection,
  Runtime,
  Worker,
  type WorkerInterceptors,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import type { Config } from '../config/schema.ts';
import { TaskQueue } from '../domain/task-queues.ts';
import { depsFromConfig } from './deps-from-config.ts';
import { registerSearchAttributes } from './search-attributes.ts';

export interface MaintenanceWorkerOptions {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  /** A bundle made before; by default the workflows are bundled at start, which takes some seconds. */
  readonly workflowBundle?: WorkflowBundleOption;
  readonly taskQueue?: string;
  /** What else sees every activity as it runs: tracing, or a test that stops at each of them. */
  readonly interceptors?: WorkerInterceptors;
  /** Called once the worker polls. */
  readonly onReady?: () => void;
}

/** Runs the worker of the task queue `maintenance` until the process is told to end (SIGINT, SIGTERM). */
export async function runMaintenanceWorker(options: MaintenanceWorkerOptions): Promise<void> {
  const { config, env } = options;
  Runtime.install({ telemetryOptions: { logging: { filter: { core: 'WARN', other: 'INFO' } } } });
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  const deps = depsFromConfig(config, env);
  try {
    await registerSearchAttributes(connection, namespace);
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: options.taskQueue ?? TaskQueue.maintenance,
      activities: createActivities(deps),
      ...(options.interceptors ? { interceptors: options.interceptors } : {}),
      ...(options.workflowBundle
        ? { workflowBundle: options.workflowBundle }
        : { workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) }),
      // One cluster is maintained by one node at a time; more only helps reads that run side by side.
      maxConcurrentActivityTaskExecutions: 20,
      maxCachedWorkflows: 50,
      // A running migration or reboot is better awaited for a while than broken off and found again.
      shutdownGraceTime: '30 seconds',
      // How long a run stands still after its worker died; a new one takes over after that.
      stickyQueueScheduleToStartTimeout: '2 seconds',
    });
    const running = worker.run();
    options.onReady?.();
    await running;
  } finally {
    await deps.close();
    await connection.close();
  }
}
