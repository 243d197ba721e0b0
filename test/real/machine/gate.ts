/**
 * First process of a site, and the way in and out of its network, which has none other: it connects to the hosts for
 * clients outside, and lends sockets that listen inside. The site ends with it, and it ends with its parent.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

export type GateRequest =
  /** Comes with a server that listens outside; its connections are made to the address inside. */
  | { readonly id: number; readonly forward: { readonly host: string; readonly port: number } }
  /** Answered with a server that listens inside on the port. */
  | { readonly id: number; readonly listen: { readonly port: number } };

process.on('disconnect', () => process.exit());
process.on('message', (request: GateRequest, server: Server | undefined) => {
  if ('forward' in request) {
    server?.on('connection', (socket: Socket) => forward(socket, request.forward));
    process.send?.({ id: request.id });
  } else {
    const lent = createServer();
    lent.listen(request.listen.port, () => {
      process.send?.({ id: request.id }, lent, {}, () => lent.close());
    });
  }
});
process.send?.({ id: 0 });

function forward(outside: Socket, address: { host: string; port: number }): void {
  const inside = connect(address);
  outside.pipe(inside).pipe(outside);
  // A host that refuses or is not there is seen outside as a connection that is reset.
  inside.once('error', () => outside.resetAndDestroy());
  outside.once('error', () => inside.resetAndDestroy());
  inside.once('close', () => outside.destroy());
  outside.once('close', () => inside.destroy());
}
