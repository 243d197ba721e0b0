import { Client, Connection, isGrpcDeadlineError, isGrpcServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { CliError } from './terminal.ts';

export interface TemporalSession {
  readonly client: Client;
  readonly address: string;
  readonly namespace: string;
  readonly close: () => Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A worker asks for tasks at least every 60 to 70 seconds; the server remembers silent ones for minutes. */
const POLLER_IS_GONE_MS = 90_000;
const TASK_QUEUE_TYPE_WORKFLOW = 1;

/**
 * Connects as Temporal's own tools do: profile of `temporal.toml`, then the `TEMPORAL_*` variables.
 *
 * @throws {CliError} that names the address and how to start Temporal.
 */
export async function connectToTemporal(
  env: NodeJS.ProcessEnv,
  connectTimeout = CONNECT_TIMEOUT_MS,
): Promise<TemporalSession> {
  const settings = readSettings(env);
  const address = settings.connectionOptions.address ?? 'localhost:7233';
  const namespace = settings.namespace ?? 'default';
  try {
    const connection = await Connection.connect({
      ...settings.connectionOptions,
      address,
      connectTimeout,
    });
    const client = new Client({ connection, namespace });
    return { client, address, namespace, close: () => connection.close() };
  } catch (error) {
    throw new CliError(
      `Temporal does not answer at ${address} (${reasonOf(error)}). Start it with \`npm start\`, or with \`temporal server start-dev\`, or set TEMPORAL_ADDRESS to where it runs.`,
    );
  }
}

function readSettings(env: NodeJS.ProcessEnv): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig({ configFileStrict: true, overrideEnvVars: definedOnly(env) });
  } catch (error) {
    throw new CliError(
      `The connection to Temporal is not configured properly: ${reasonOf(error)}. Correct temporal.toml or the TEMPORAL_* variables.`,
    );
  }
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Whether a worker has asked `taskQueue` for work lately. */
export async function hasWorker({ client, namespace }: TemporalSession, taskQueue: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: TASK_QUEUE_TYPE_WORKFLOW,
  });
  return (pollers ?? []).some(({ lastAccessTime }) => {
    const seenAt = Number(lastAccessTime?.seconds ?? 0) * 1_000;
    return Date.now() - seenAt < POLLER_IS_GONE_MS;
  });
}

/**
 * Address of Temporal's Web UI: `CARETAKER_WEB_UI` if set, else the development server's, which listens 1000 ports above
 * the API. Null when neither is there, because a link that leads nowhere is worse than none.
 */
export async function findWebUi(address: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  const configured = env['CARETAKER_WEB_UI'];
  if (configured) return configured.replace(/\/$/, '');
  const [host, port] = address.split(':');
  if (!['localhost', '127.0.0.1'].includes(host ?? '')) return null;
  const url = `http://${host}:${Number(port ?? 7233) + 1_000}`;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await answer.body?.cancel();
    return answer.ok ? url : null;
  } catch {
    return null;
  }
}

/** Page of one run in the Web UI. */
export function runUrl(webUi: string, namespace: string, workflowId: string, runId: string): string {
  return `${webUi}/namespaces/${namespace}/workflows/${encodeURIComponent(workflowId)}/${runId}/history`;
}

/** Whether Temporal or a worker did not answer in time, as opposed to refusing. */
export function isSilence(error: unknown): boolean {
  if (isGrpcDeadlineError(error)) return true;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (isGrpcDeadlineError(cause)) return true;
  return isGrpcServiceError(cause) && SILENT_STATUSES.includes(cause.code);
}

const ANSWER_TIMEOUT_MS = 5_000;

/** The answer to a query, or null when no worker gives it in time: the run itself is safe in Temporal. */
export async function ifAnswered<T>(client: Client, question: () => Promise<T>): Promise<T | null> {
  try {
    return await client.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, question);
  } catch (error) {
    if (isSilence(error)) return null;
    throw error;
  }
}

/** gRPC: CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE. */
const SILENT_STATUSES: readonly number[] = [1, 4, 14];

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0]?.replace(/\.$/, '') ?? text;
}
