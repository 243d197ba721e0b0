import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import { WakeError } from './errors.ts';

export interface MagicPacket {
  /** `02:00:5e:10:00:01`, or with `-`. */
  readonly mac: string;
  /** IPv4 address to send it to: that of the machine's network with all host bits set, `192.168.1.255`. */
  readonly broadcast: string;
  /** Default 9 (discard). */
  readonly port?: number;
}

const MAC = /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}$/i;

/** The six bytes of one machine's MAC address; undefined for other texts, groups of machines, and the empty address. */
export function parseMac(text: string): Buffer | undefined {
  if (!MAC.test(text)) return undefined;
  const bytes = Buffer.from(text.replaceAll(/[:-]/g, ''), 'hex');
  const isGroup = ((bytes[0] ?? 0) & 1) === 1;
  return isGroup || bytes.every((byte) => byte === 0) ? undefined : bytes;
}

/** Six bytes of 0xFF and 16 times the address (AMD, Magic Packet Technology, publication 20213). */
export function magicPacket(mac: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(6, 0xff), ...Array.from({ length: 16 }, () => mac)]);
}

/**
 * Sends one magic packet. Nobody answers it, and a machine that is up or still going down pays no attention: that it was
 * sent says nothing about the machine.
 *
 * @throws WakeError `WakeArgument` for an address that cannot be meant, `WakeNotSent` when the system did not send it
 */
export async function sendMagicPacket({ mac, broadcast, port = 9 }: MagicPacket): Promise<void> {
  const target = `magic packet to ${mac}`;
  const bytes = parseMac(mac);
  if (bytes === undefined) {
    const message = 'that is no MAC address of one machine. Give the six bytes that `ip link` shows on it.';
    throw new WakeError(target, 'WakeArgument', 'refused', message);
  }
  if (!isIPv4(broadcast)) {
    const message = `'${broadcast}' is no IPv4 address. Give the broadcast address of its network.`;
    throw new WakeError(target, 'WakeArgument', 'refused', message);
  }
  const socket = createSocket('udp4');
  try {
    socket.bind();
    await once(socket, 'listening');
    socket.setBroadcast(true);
    await new Promise<void>((resolve, reject) => {
      socket.send(magicPacket(bytes), port, broadcast, (error) => (error === null ? resolve() : reject(error)));
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `it was not sent (${why}). Check that this machine has a way to ${broadcast}.`;
    throw new WakeError(target, 'WakeNotSent', 'retryable', message, cause);
  } finally {
    socket.close();
  }
}
