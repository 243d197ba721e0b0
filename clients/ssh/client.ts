import { connectSsh, type Connection, type SshTimeouts } from './connection.ts';
import type { HostKeyOptions } from './host-keys.ts';

export interface SshClientOptions {
  readonly host: string;
  readonly port?: number;
  readonly username: string;
  /** Gives the private key in OpenSSH or PEM format, without passphrase; asked at each connection, never kept. */
  readonly privateKey: () => Promise<string>;
  /** How the host is known. There is no way to accept any key. */
  readonly hostKey: HostKeyOptions;
  readonly timeouts?: Partial<SshTimeouts>;
}

export interface ExecOptions {
  /** Milliseconds for the command alone (default 60 s). At the end the connection is cut; the command may run on. */
  readonly timeoutMs?: number;
  /** Bound for stdout and for stderr each (default 1 MiB); head and tail are kept. */
  readonly maxOutputBytes?: number;
  /** How output bytes become text (default utf8); latin1 keeps every byte as one character. */
  readonly encoding?: 'utf8' | 'latin1';
  /** Text for stdin, which is closed after it (default: closed at once). */
  readonly stdin?: string;
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  /** Exit code; undefined if a signal ended the command. */
  readonly code: number | undefined;
  /** Name of the signal, such as `SIGKILL`. */
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** True if stdout or stderr is incomplete. */
  readonly truncated: boolean;
}

/** Something that runs shell lines on one host. */
export interface SshExec {
  /** Runs a line by the user's shell. Build it with `sh` or `quote`. Throws `SshError`, or the signal's reason. */
  exec(line: string, options?: ExecOptions): Promise<ExecResult>;
}

export interface SshClient extends SshExec {
  /** `root@host:port` */
  readonly label: string;
  /** Runs several commands over one connection, which is closed afterwards. */
  withConnection<T>(run: (connection: SshExec) => Promise<T>, options?: { signal?: AbortSignal }): Promise<T>;
}

/** An SSH client of one host with strict host keys. It opens a connection for each call and closes it after it. */
export function createSshClient(options: SshClientOptions): SshClient {
  const port = options.port ?? 22;
  const label = `${options.username}@${options.host}:${port}`;
  const timeouts: SshTimeouts = { connect: 10_000, keepAlive: 5_000, ...options.timeouts };
  const target = { ...options, port, label, timeouts };

  async function withConnection<T>(
    run: (connection: SshExec) => Promise<T>,
    scope: { signal?: AbortSignal } = {},
  ): Promise<T> {
    const connection: Connection = await connectSsh(target, scope.signal);
    try {
      return await run(connection);
    } finally {
      await connection.close();
    }
  }
  return {
    label,
    withConnection,
    exec: (line, execOptions = {}) =>
      withConnection(
        (connection) => connection.exec(line, execOptions),
        execOptions.signal === undefined ? {} : { signal: execOptions.signal },
      ),
  };
}
