import { connect } from 'node:net';

export interface TcpOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** A port took no connection. */
export class TcpError extends Error {
  override readonly name = 'TcpError';
  readonly outcome = 'retryable';
}

/**
 * Opens a connection and closes it again; nothing is sent.
 *
 * @throws {TcpError} when it is refused or not taken in time.
 */
export function tcpConnect({ host, port, timeoutMs, signal }: TcpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(timeoutMs);
    const socket = connect({ host, port, signal: signal ? AbortSignal.any([late, signal]) : late });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.destroy();
      reject(new TcpError(late.aborted ? `no connection within ${timeoutMs} ms` : (error.code ?? error.message)));
    });
  });
}
