import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** @param reply Sends an answer, unless the port was closed meanwhile. */
export type PacketListener = (bytes: Buffer, reply: (answer: Buffer) => void) => void;

/** A UDP port on loopback, whichever is free. */
export class LoopbackUdp {
  readonly #listener: PacketListener;
  #socket: Socket | undefined;
  #port = 0;

  constructor(listener: PacketListener) {
    this.#listener = listener;
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const socket = createSocket('udp4');
    this.#socket = socket;
    socket.on('message', (bytes, from) =>
      this.#listener(bytes, (answer) => {
        if (this.#socket === socket) socket.send(answer, from.port, from.address);
      }),
    );
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    this.#port = socket.address().port;
  }

  stop(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}
