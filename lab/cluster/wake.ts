import type { Cluster } from './cluster.ts';

/**
 * A magic packet on the network of the nodes: the one with this address wakes if it is off and has power. A node that is up
 * or still going down pays no attention, and nobody is told.
 *
 * @param from Who sent it, for the event log.
 */
export function sendMagicPacket(cluster: Cluster, mac: string, from: string): void {
  const node = [...cluster.nodes.values()].find(({ spec }) => spec.mac.toLowerCase() === mac.toLowerCase());
  if (node === undefined) return void cluster.log.record(from, 'wake.packet', 'cluster', { mac, woke: false });
  const { machine, subject } = node;
  const verdict = cluster.faults.consult({ at: 'wake', machine: subject });
  const arrive = () => {
    const wasOff = machine.power === 'off';
    if (verdict?.do !== 'drop') machine.powerOn();
    cluster.log.record(from, 'wake.packet', subject, { mac, woke: wasOff && machine.power !== 'off' });
  };
  if (verdict?.do === 'delay') cluster.clock.after(verdict.ms, arrive);
  else arrive();
}
