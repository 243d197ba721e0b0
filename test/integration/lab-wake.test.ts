import { createSocket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sendMagicPacket } from '../../clients/wake/index.ts';
import { nodeSpec, smallSite } from '../../lab/index.ts';
import { openBench, type LabBench } from './lab-client.ts';

let bench: LabBench;

beforeEach(async () => {
  const site = smallSite({ nodes: 3 });
  const [one, two] = site.nodes;
  const nodes = [one!, two!, nodeSpec('pve3', 2, { wakeOnLan: false })];
  bench = await openBench({ site: { ...site, nodes } });
});
afterEach(async () => {
  expect(bench.lab.schemaViolations).toEqual([]);
  await bench.close();
});

const machine = (name: string) => bench.lab.node(name).machine;
const wake = (name: string, at = 0) => bench.call('POST', `/nodes/${name}/wakeonlan`, { at });
const packet = async (name: string) => {
  const { mac, host, port } = bench.lab.access.nodes.find((node) => node.name === name)!.wake;
  await sendMagicPacket({ mac, broadcast: host, port });
};
const packets = () => bench.lab.log.of('wake.packet').map(({ actor, detail }) => ({ actor, woke: detail['woke'] }));

describe('Wake-on-LAN by a node of the lab', () => {
  it('is sent by the node that is asked, for the one that the path names', async () => {
    machine('pve2').powerCut('test');
    expect(await wake('pve2')).toMatchObject({ status: 200, data: '02:00:5E:10:00:02' });
    await bench.until(() => machine('pve2').power === 'on');
    expect(packets()).toEqual([{ actor: 'node/pve1', woke: true }]);
  });

  it('needs the address in the settings of the other', async () => {
    machine('pve3').powerCut('test');
    expect(await wake('pve3')).toMatchObject({
      status: 500,
      reason: "No wake on LAN MAC address defined for 'pve3'!",
    });
    expect(await bench.get('/nodes/pve1/config')).toEqual({
      digest: expect.stringMatching(/^[0-9a-f]{40}$/) as string,
      wakeonlan: '02:00:5E:10:00:01',
    });
    expect(await bench.get('/nodes/pve2/config', { at: 1 })).toHaveProperty('wakeonlan');
  });

  it('wakes neither itself nor a stranger, and nobody without the privilege', async () => {
    const reason = "'pve1' is local node, cannot wake my self!";
    expect(await wake('pve1')).toMatchObject({ status: 500, reason });
    expect(await wake('pve9')).toMatchObject({ status: 500, reason: "no such cluster node 'pve9'" });
    const answer = await bench.call('POST', '/nodes/pve2/wakeonlan', { headers: bench.observer });
    expect(answer).toMatchObject({ status: 403, reason: 'Permission check failed (/nodes/pve2, Sys.PowerMgmt)' });
    expect(packets()).toEqual([]);
  });
});

describe('a magic packet in the lab', () => {
  it('wakes the node that it names', async () => {
    machine('pve3').powerCut('test');
    await packet('pve3');
    await bench.until(() => machine('pve3').power === 'on');
    expect(packets()).toEqual([{ actor: 'network', woke: true }]);
  });

  it('is lost on a node that is still going down, as on one that is up', async () => {
    const off = machine('pve2').shutdown({ reboot: false, actor: 'test' });
    await packet('pve2');
    await expect.poll(packets).toEqual([{ actor: 'network', woke: false }]);
    await off;
    expect(machine('pve2').power).toBe('off');
  });

  it('is lost once when a fault wants it so', async () => {
    bench.lab.faults.once((point) => (point.at === 'wake' ? { do: 'drop' } : undefined));
    machine('pve2').powerCut('test');
    await packet('pve2');
    await expect.poll(packets).toEqual([{ actor: 'network', woke: false }]);
    expect(machine('pve2').power).toBe('off');
    await packet('pve2');
    await bench.until(() => machine('pve2').power === 'on');
  });

  it('is lost on everybody while the UPS gives no power', async () => {
    const { device } = bench.lab.ups;
    device.setMains(false);
    device.setCharge(0);
    expect(machine('pve2').power).toBe('off');
    await packet('pve2');
    await expect.poll(packets).toEqual([{ actor: 'network', woke: false }]);
    device.setMains(true);
    expect(machine('pve2').power).toBe('off');
    await packet('pve2');
    await bench.until(() => machine('pve2').power === 'on');
  });

  it('that names a stranger, or is none, wakes nobody', async () => {
    machine('pve2').powerCut('test');
    const { host, port } = bench.lab.access.nodes[1]!.wake;
    const socket = createSocket('udp4');
    for (const bytes of [Buffer.alloc(102, 0xff), Buffer.from('hello'), Buffer.alloc(0)]) {
      await new Promise((resolve) => socket.send(bytes, port, host, resolve));
    }
    socket.close();
    await sendMagicPacket({ mac: '02:00:5E:10:00:77', broadcast: host, port });
    await expect.poll(packets).toContainEqual({ actor: 'network', woke: false });
    expect(machine('pve2').power).toBe('off');
  });
});
