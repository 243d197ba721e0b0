import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { LabContext } from '../core/context.ts';
import type { FaultPoint, FaultVerdict } from '../core/faults.ts';
import { reservePort } from '../core/ports.ts';
import type { UpsDevice } from './device.ts';
import { NutSession, type NutState, type NutUser } from './session.ts';
import { parseLine } from './words.ts';

export interface NutServerOptions {
  readonly users: readonly NutUser[];
  /** Without a certificate there is no encryption. */
  readonly key?: string;
  readonly certificate?: string;
}

/** As long as upsd takes. */
const MAX_LINE = 8_192;

/**
 * A NUT server (upsd) on loopback for one UPS, good enough for upsc and upsmon. Faults strike at `{ at: 'ups' }`. It forgets
 * who has logged in, and FSD, when it stops.
 */
export class NutServer {
  readonly #context: LabContext;
  readonly #device: UpsDevice;
  readonly #options: NutServerOptions;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #state: NutState;
  #port = 0;

  constructor(context: LabContext, device: UpsDevice, options: NutServerOptions) {
    this.#context = context;
    this.#device = device;
    this.#options = options;
    this.#state = this.#newState();
  }

  get port(): number {
    return this.#port;
  }

  /** FSD has been set. */
  get fsd(): boolean {
    return this.#state.fsd;
  }

  /** Listens; after a `stop` on the same port as before. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    this.#state = this.#newState();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    // While it is stopped, no other lab may answer for it.
    reservePort(this.#port, `${this.#context.directory} ${this.#device.subject}`);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server?.listening === true) await new Promise((resolve) => server.close(resolve));
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  #newState(): NutState {
    return {
      device: this.#device,
      users: this.#options.users,
      hasCertificate: this.#options.certificate !== undefined,
      fsd: false,
      sessions: new Set(),
      tracked: new Map(),
      driverTrouble: () => {
        const verdict = this.#consult({ step: 'driver' });
        return verdict?.do === 'error' ? verdict.reason : verdict?.do === 'die' ? 'DRIVER-NOT-CONNECTED' : undefined;
      },
      record: (action, detail) => void this.#context.log.record('nut', action, this.#device.subject, detail),
    };
  }

  #consult(where: Pick<FaultPoint & { at: 'ups' }, 'step' | 'command'>): FaultVerdict | undefined {
    return this.#context.faults.consult({ at: 'ups', machine: this.#device.subject, ...where });
  }

  #serve(socket: Socket): void {
    if (this.#consult({ step: 'connect' })?.do === 'drop') return void socket.resetAndDestroy();
    const state = this.#state;
    const session = new NutSession(state, socket.remoteAddress ?? '');
    state.sessions.add(session);
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      state.sessions.delete(session);
      this.#sockets.delete(socket);
    });
    this.#listen(session, socket);
  }

  #listen(session: NutSession, socket: Socket): void {
    let rest = '';
    let turn: Promise<void> = Promise.resolve();
    const onData = (data: Buffer): void => {
      const lines = (rest + data.toString()).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE) return void socket.destroy();
      for (const line of lines) {
        turn = turn.then(async () => {
          await this.#reply(session, socket, line);
          if (session.next === 'end') socket.end();
          if (session.next === 'encrypt') {
            socket.off('data', onData);
            this.#encrypt(session, socket);
          }
          session.next = undefined;
        });
      }
    };
    socket.on('data', onData);
  }

  #encrypt(session: NutSession, socket: Socket): void {
    const { key, certificate } = this.#options;
    const secure = new TLSSocket(socket, { isServer: true, key, cert: certificate });
    secure.on('error', () => socket.destroy());
    secure.once('secure', () => this.#state.record('ups.encrypted', {}));
    this.#listen(session, secure);
  }

  async #reply(session: NutSession, socket: Socket, line: string): Promise<void> {
    const words = parseLine(line);
    const command = (words ?? []).slice(0, 2).join(' ').toUpperCase();
    const verdict = this.#consult({ step: 'answer', command });
    if (verdict?.do === 'delay') await this.#context.clock.sleep(verdict.ms);
    if (verdict?.do === 'drop' || verdict?.do === 'die') return void socket.resetAndDestroy();
    if (verdict?.do === 'error') return void socket.write(`ERR ${verdict.reason}\n`);
    if (verdict?.do === 'lie') return void socket.write(String(verdict.body));
    if (words === null) return;
    const answer = session.answer(words);
    const text = answer.map((each) => `${each}\n`).join('');
    if (verdict?.do === 'cut') socket.end(Buffer.from(text).subarray(0, verdict.bytes));
    else socket.write(text);
  }
}
