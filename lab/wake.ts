import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Cluster } from './cluster/cluster.ts';
import { sendMagicPacket } from './cluster/wake.ts';

/** Stands in for the broadcast address of the nodes' network: takes magic packets over UDP on loopback. */
export class WakeListener {
  readonly #cluster: Cluster;
  #socket: Socket | undefined;
  #port = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const socket = createSocket('udp4');
    this.#socket = socket;
    socket.on('message', (bytes) => {
      const mac = macOf(bytes);
      if (mac !== undefined) sendMagicPacket(this.#cluster, mac, 'network');
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    this.#port = socket.address().port;
  }

  stop(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}

/** The address that follows six bytes of 0xFF and is repeated 16 times, wherever that is in the packet. */
function macOf(bytes: Buffer): string | undefined {
  const [, address] = /ffffffffffff(?=(?:..)*$)([0-9a-f]{12})\1{15}/.exec(bytes.toString('hex')) ?? [];
  return address?.match(/../g)?.join(':');
}
