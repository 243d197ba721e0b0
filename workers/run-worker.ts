import { fileURLToPath } from 'node:url';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import {
  NativeConnection,
  Runtime,
  Worker,
  type WorkerInterceptors,
  type WorkerOptions,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import type { Config } from '../config/schema.ts';
import { registerSearchAttributes } from './search-attributes.ts';

export interface RunOptions {
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

/** What one kind of worker is made of. */
export interface WorkerKind {
  readonly taskQueue: string;
  readonly activities: object;
  readonly settings: Pick<
    WorkerOptions,
    'maxConcurrentActivityTaskExecutions' | 'maxCachedWorkflows' | 'shutdownGraceTime'
  >;
  /** Done once it polls. */
  readonly begin?: (connection: NativeConnection, namespace: string) => Promise<void>;
  close(): Promise<void>;
}

/** Runs a worker until the process is told to end (SIGINT, SIGTERM). */
export async function runWorker(
  { workflowBundle, interceptors, onReady, taskQueue }: RunOptions,
  openKind: () => WorkerKind,
): Promise<void> {
  Runtime.install({ telemetryOptions: { logging: { filter: { core: 'WARN', other: 'INFO' } } } });
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await NativeConnection.connect(connectionOptions);
  const kind = openKind();
  try {
    await registerSearchAttributes(connection, namespace);
    const worker = await Worker.create({
      connection,
      namespace,
      taskQueue: taskQueue ?? kind.taskQueue,
      activities: kind.activities,
      ...(interceptors ? { interceptors } : {}),
      ...(workflowBundle
        ? { workflowBundle }
        : { workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) }),
      ...kind.settings,
      // How long a run stands still after its worker died; a new one takes over after that.
      stickyQueueScheduleToStartTimeout: '2 seconds',
    });
    const running = worker.run();
    await kind.begin?.(connection, namespace);
    onReady?.();
    await running;
  } finally {
    await kind.close();
    await connection.close();
  }
}
