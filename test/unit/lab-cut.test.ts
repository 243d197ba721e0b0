import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutAfter } from '../../lab/machine/cut.ts';

/** A client that has said `asked`, a server that has answered `answered`, and what came through before the cut. */
async function talk(asked: string, answered: string, bytes: number): Promise<{ heard: string; cuts: number }> {
  let heard = '';
  let cuts = 0;
  const server = createServer((socket) => {
    cutAfter(socket, bytes, () => (cuts += 1));
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      if (heard !== asked) return;
      socket.write(answered);
      socket.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.resume().write(asked);
  await new Promise((resolve) => client.once('close', resolve));
  server.close();
  await once(server, 'close');
  return { heard, cuts };
}

it('a cut connection lets exactly the bytes before the cut pass, of both directions together', () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 40 }), async (bytes) => {
      const asked = 'x'.repeat(20);
      const { heard, cuts } = await talk(asked, 'y'.repeat(10), bytes);
      expect(heard).toBe(asked.slice(0, bytes));
      expect(cuts).toBe(bytes < 30 ? 1 : 0);
    }),
    { numRuns: 40 },
  ));
