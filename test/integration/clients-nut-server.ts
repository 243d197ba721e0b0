import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';

export interface ScriptedServer {
  readonly port: number;
  /** What was asked, in order, over all connections. */
  readonly asked: readonly string[];
  readonly connections: number;
  close(): Promise<void>;
}

/** A server that knows nothing of NUT and does with each line what the test wants. */
export async function scriptedServer(onLine: (line: string, socket: Socket) => void): Promise<ScriptedServer> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    let rest = '';
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      const lines = (rest + data.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        asked.push(line);
        onLine(line, socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}
