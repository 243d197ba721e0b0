import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { TaskQueue, type QueueName } from '../../domain/task-queues.ts';
import type { RunIdentity } from './outcome.ts';
import { connectToTemporal, findWebUi, hasWorker, runUrl, type TemporalSession } from './temporal.ts';
import { CliError, type Terminal } from './terminal.ts';

/** Options that every command has. */
export interface GlobalFlags {
  readonly config?: string;
}

/** What a command works with that needs no Temporal. */
export interface Site {
  readonly config: Config;
  readonly terminal: Terminal;
}

/** What a command that talks to Temporal works with. */
export interface Session extends TemporalSession, Site {}

/** Reads the configuration and runs `command`. */
export async function withSite<T>(
  terminal: Terminal,
  flags: GlobalFlags,
  command: (site: Site) => Promise<T>,
): Promise<T> {
  const config = await loadConfig({ path: flags.config, env: terminal.env });
  return command({ config, terminal });
}

/** Reads the configuration, connects, runs `command` and disconnects. */
export async function withSession<T>(
  terminal: Terminal,
  flags: GlobalFlags,
  command: (session: Session) => Promise<T>,
): Promise<T> {
  return withSite(terminal, flags, async (site) => {
    const temporal = await connectToTemporal(terminal.env);
    try {
      return await command({ ...temporal, ...site });
    } finally {
      await temporal.close();
    }
  });
}

/** @throws {CliError} when nobody would do the work. */
export async function requireWorker(session: Session, queue: QueueName = TaskQueue.maintenance): Promise<void> {
  if (await hasWorker(session, queue)) return;
  throw new CliError(
    `No worker asks the task queue ${queue} at ${session.address} (namespace ${session.namespace}) for work. Nothing was started, so that it cannot begin unattended later. Start a worker with \`${startOfWorker(queue)}\` and try again.`,
  );
}

/** The command that starts the worker of a queue. */
export function startOfWorker(queue: QueueName): string {
  return queue === TaskQueue.power ? 'npm run worker:power' : 'npm run worker';
}

/** Page of the run in the Web UI, or null when there is no Web UI to be found. */
export async function webUiOf(session: Session, workflowId: string, runId: string): Promise<string | null> {
  const webUi = await findWebUi(session.address, session.terminal.env);
  return webUi === null ? null : runUrl(webUi, session.namespace, workflowId, runId);
}

/** A run as a command tells of it. The Web UI is looked for, so only of a run that is shown. */
export async function identityOf(
  session: Session,
  { workflowId, runId }: Pick<RunIdentity, 'workflowId' | 'runId'>,
): Promise<RunIdentity> {
  return { workflowId, runId, webUi: await webUiOf(session, workflowId, runId) };
}

/** Ctrl-C ends the following instead of the process. */
export function untilInterrupted(): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  process.once('SIGINT', abort);
  process.once('SIGTERM', abort);
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', abort);
      process.off('SIGTERM', abort);
    },
  };
}
