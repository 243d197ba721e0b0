import type { Socket } from 'node:net';

/** Resets a connection once so many bytes have passed, those of both directions together, wherever that falls. */
export function cutAfter(socket: Socket, bytes: number, onCut: () => void): void {
  let left = bytes;
  const take = (chunk: Uint8Array): Uint8Array => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    return part;
  };
  const cut = () => {
    if (socket.destroyed) return;
    onCut();
    socket.resetAndDestroy();
  };
  const push = socket.push.bind(socket);
  const write = socket.write.bind(socket) as (chunk: Uint8Array | string, ...rest: unknown[]) => boolean;
  // Below every listener, so that the other side of the stream never sees what lies behind the cut.
  socket.push = (chunk: Buffer | null, encoding) => {
    if (chunk === null) return push(null, encoding);
    const part = take(chunk);
    const more = part.length === 0 || push(part);
    if (part.length < chunk.length) cut();
    return more;
  };
  socket.write = (chunk: Uint8Array | string, ...rest: unknown[]) => {
    const whole = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const part = take(whole);
    if (part.length === whole.length) return write(chunk, ...rest);
    write(part, cut);
    return true;
  };
}
