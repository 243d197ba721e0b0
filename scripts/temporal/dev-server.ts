import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { freePort, isPortTaken } from './ports.ts';
import { searchAttributeNames } from '../../workers/search-attributes.ts';

const HOST = '127.0.0.1';
const NAMESPACE = 'default';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;

/**
 * Standard input is a pipe that only this process holds: it ends when this process ends, also by SIGKILL, and the
 * watcher then ends the server. `exec` makes the server the process that was spawned, so its pid is the one to signal.
 * Descriptor 3, because the shell gives a background command an empty standard input (POSIX, "Asynchronous Lists").
 */
const RUN_UNTIL_STDIN_ENDS = 'exec 3<&0; { cat <&3; kill -TERM $$; } >/dev/null 2>&1 & exec "$@" 3<&- </dev/null';

export interface DevServer {
  /** `host:port` of the gRPC frontend. */
  readonly address: string;
  /** `undefined` for a server without a Web UI and for one that was already running without it. */
  readonly uiUrl: string | undefined;
  readonly namespace: string;
  /** Of the server that was started; `undefined` for one that was already running. */
  readonly pid: number | undefined;
  /** Whether a server that was already running is used; `stop()` then leaves it alone. */
  readonly reused: boolean;
  /** Ends the server, SIGTERM first. May be called more than once. */
  stop(): Promise<void>;
}

export interface DevServerOptions {
  /** The Temporal CLI, from `locateTemporalCli()`. */
  readonly cliPath: string;
  /** gRPC port; a free one by default. */
  readonly port?: number;
  /** Web UI port; the gRPC port plus 1000 by default, as the CLI has it. */
  readonly uiPort?: number;
  readonly headless?: boolean;
  /** SQLite file; in memory by default. */
  readonly dbFile?: string;
  /** Where the server's output goes; a temporary file by default. */
  readonly logFile?: string;
  /** `key=value` pairs for the server's dynamic configuration. */
  readonly dynamicConfig?: readonly string[];
}

/** Temporal could not be started. The message says why and what to do. */
export class DevServerError extends Error {
  override readonly name = 'DevServerError';
}

/**
 * Uses the Temporal that listens on the port, or starts one there.
 *
 * @throws DevServerError when another program has the port or the server does not come up.
 */
export async function ensureDevServer(options: DevServerOptions & { readonly port: number }): Promise<DevServer> {
  if (!(await isPortTaken(options.port))) return startDevServer(options);
  const address = `${HOST}:${String(options.port)}`;
  const connection = await connectWithin(address, 5_000);
  if (connection === undefined) {
    throw new DevServerError(
      `Port ${String(options.port)} is used by another program that is not Temporal. ` +
        `End that program, or choose another port with --temporal-port.`,
    );
  }
  await connection.close();
  const uiPort = options.uiPort ?? options.port + 1000;
  const uiUrl = (await isPortTaken(uiPort)) ? `http://${HOST}:${String(uiPort)}` : undefined;
  return { address, uiUrl, namespace: NAMESPACE, pid: undefined, reused: true, stop: () => Promise.resolve() };
}

/**
 * Starts `temporal server start-dev` on loopback, with Caretaker's search attributes registered, and waits until it
 * answers. The server ends with this process, however that ends.
 *
 * @throws DevServerError
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const port = options.port ?? (await freePort());
  const uiPort = options.uiPort ?? port + 1000;
  if (options.headless !== true && (await isPortTaken(uiPort))) {
    throw new DevServerError(
      `Port ${String(uiPort)}, meant for Temporal's Web UI, is used by another program. ` +
        `End that program, or choose another port with --ui-port.`,
    );
  }
  const scratch = options.logFile === undefined ? await mkdtemp(join(tmpdir(), 'caretaker-temporal-')) : undefined;
  const logFile = options.logFile ?? join(scratch ?? '', 'temporal.log');
  const child = spawnServer(options, port, uiPort, logFile);

  const stop = async (): Promise<void> => {
    await stopChild(child);
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  };
  const address = `${HOST}:${String(port)}`;
  try {
    await awaitHealthy(child, address, logFile);
  } catch (error) {
    await stop();
    throw error;
  }
  const uiUrl = options.headless === true ? undefined : `http://${HOST}:${String(uiPort)}`;
  return { address, uiUrl, namespace: NAMESPACE, pid: child.pid, reused: false, stop };
}

function spawnServer(options: DevServerOptions, port: number, uiPort: number, logFile: string): ChildProcess {
  const args = ['server', 'start-dev', '--ip', HOST, '--port', String(port), '--log-level', 'warn'];
  args.push(...(options.headless === true ? ['--headless'] : ['--ui-port', String(uiPort)]));
  args.push(...searchAttributeNames().flatMap((name) => ['--search-attribute', `${name}=Keyword`]));
  args.push(...(options.dynamicConfig ?? []).flatMap((pair) => ['--dynamic-config-value', pair]));
  if (options.dbFile !== undefined) {
    mkdirSync(dirname(options.dbFile), { recursive: true });
    args.push('--db-filename', options.dbFile);
  }
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'w');
  // A process group of its own, so that Ctrl-C reaches only us and the server is stopped last, after the workers.
  const child = spawn('sh', ['-c', RUN_UNTIL_STDIN_ENDS, 'sh', options.cliPath, ...args], {
    stdio: ['pipe', log, log],
    detached: true,
  });
  closeSync(log);
  child.once('exit', () => {
    endWatcher(child);
  });
  // The pipe and the child must not keep this process alive: whoever started the server decides when to end.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return child;
}

async function awaitHealthy(child: ChildProcess, address: string, logFile: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if (hasEnded(child)) break;
    const connection = await connectWithin(address, 1_000);
    if (connection !== undefined) {
      await connection.close();
      return;
    }
    await sleep(100);
  }
  const reason = hasEnded(child) ? 'ended at once' : `did not answer within ${String(START_TIMEOUT_MS / 1000)} s`;
  const tail = readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n');
  throw new DevServerError(`Temporal, started at ${address}, ${reason}. Its last words:\n${tail}`);
}

/** `undefined` when nothing there speaks Temporal's protocol. */
async function connectWithin(address: string, connectTimeout: number): Promise<Connection | undefined> {
  try {
    return await Connection.connect({ address, connectTimeout });
  } catch {
    return undefined;
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const ended = new Promise<true>((resolve) => {
    child.once('exit', () => {
      resolve(true);
    });
  });
  child.ref();
  child.kill('SIGTERM');
  const timer = new AbortController();
  const timedOut = sleep(STOP_TIMEOUT_MS, false, { signal: timer.signal }).catch(() => false);
  if (!(await Promise.race([ended, timedOut]))) child.kill('SIGKILL');
  await ended;
  timer.abort();
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** The watcher is all that is left of the server's process group, and the group keeps its number while it lives. */
function endWatcher(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
