import type { Cluster } from './cluster/cluster.ts';
import { sendMagicPacket } from './cluster/wake.ts';
import { LoopbackUdp } from './core/loopback-udp.ts';

/** Stands in for the broadcast address of the nodes' network: takes magic packets over UDP on loopback. */
export function createWakeListener(cluster: Cluster): LoopbackUdp {
  return new LoopbackUdp((bytes) => {
    const mac = macOf(bytes);
    if (mac !== undefined) sendMagicPacket(cluster, mac, 'network');
  });
}

/** The address that follows six bytes of 0xFF and is repeated 16 times, wherever that is in the packet. */
function macOf(bytes: Buffer): string | undefined {
  const [, address] = /ffffffffffff(?=(?:..)*$)([0-9a-f]{12})\1{15}/.exec(bytes.toString('hex')) ?? [];
  return address?.match(/../g)?.join(':');
}
