import { randomUUID } from 'node:crypto';
import { createServer } from 'node:https';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ClusterNode } from '../cluster/node.ts';
import type { NodeCertificate } from '../certificates.ts';
import type { FaultBoard } from '../core/faults.ts';
import { reservePort } from '../core/ports.ts';

/** Ports tried when none is asked for: below the range the system hands out by itself, so a closed one stays ours. */
const PORTS = { from: 20_000, to: 32_000 } as const;
const RETRY_MS = 25;

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** One node's pveproxy: listens while the node's API is up, on the same port for life. */
export class NodeListener {
  readonly #node: ClusterNode;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** A new one for each listener: it keeps its port for its own life only. */
  readonly #owner = `pveproxy ${randomUUID()}`;
  #port: number;
  #wanted = true;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    node: ClusterNode,
    certificate: NodeCertificate,
    faults: FaultBoard,
    port: number,
    handle: RequestHandler,
  ) {
    this.#node = node;
    this.#port = port;
    this.#server = createServer({ key: certificate.key, cert: certificate.certificate, keepAlive: true }, handle);
    this.#server.on('connection', (socket: Socket) => {
      const verdict = faults.consult({ at: 'connection', protocol: 'https', machine: node.subject });
      if (verdict?.do === 'drop' || verdict?.do === 'error') return void socket.destroy();
      if (verdict?.do === 'die') return node.machine.powerCut('fault');
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // A client that hangs up in the middle of a handshake is its own business.
    this.#server.on('tlsClientError', () => undefined);
    node.onApi((up) => (up ? this.#open() : this.#shut()));
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const fixed = this.#port !== 0;
    for (;;) {
      if (!fixed) this.#port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
      if (!fixed && !reservePort(this.#port, this.#owner)) continue;
      const error = await this.#listen();
      if (!error) return;
      if (fixed || error.code !== 'EADDRINUSE') {
        throw new Error(
          `${this.#node.name}: cannot listen on port ${this.#port} (${error.message}); choose another port`,
        );
      }
    }
  }

  close(): void {
    this.#shut();
  }

  #listen(): Promise<NodeJS.ErrnoException | undefined> {
    return new Promise((resolve) => {
      const onError = (error: NodeJS.ErrnoException) => {
        this.#server.off('listening', onListening);
        resolve(error);
      };
      const onListening = () => {
        this.#server.off('error', onError);
        resolve(undefined);
      };
      this.#server.once('error', onError);
      this.#server.once('listening', onListening);
      this.#server.listen(this.#port, '127.0.0.1');
    });
  }

  #open(): void {
    this.#wanted = true;
    void this.#reopen();
  }

  async #reopen(): Promise<void> {
    if (!this.#wanted || this.#server.listening) return;
    const error = await this.#listen();
    if (error && this.#wanted) this.#retry = setTimeout(() => void this.#reopen(), RETRY_MS);
    if (!error && !this.#wanted) this.#shut();
  }

  #shut(): void {
    this.#wanted = false;
    clearTimeout(this.#retry);
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#sockets.clear();
  }
}
