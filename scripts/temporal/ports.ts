import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

const HOST = '127.0.0.1';

/** Whether something accepts connections on a loopback port. */
export function isPortTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    const answer = (taken: boolean): void => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => {
      answer(true);
    });
    socket.once('error', () => {
      answer(false);
    });
  });
}

/**
 * A loopback port that nothing else is given for a minute. A connection that the listening side closes first leaves the
 * port in TIME_WAIT: Linux then gives it to nobody who asks for any port, while a server that asks for this one by
 * number still gets it (the SDK reserves its ports the same way).
 */
export async function freePort(): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect({ host: HOST, port });
  client.on('error', () => {
    // Being closed from the other side is the point of it.
  });
  await once(client, 'close');
  server.close();
  await once(server, 'close');
  return port;
}
