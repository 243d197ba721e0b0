import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyOverrides } from '../../domain/policy.ts';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { nextEvent, places, startRoll } from '../helpers/rolls.ts';

let roll: RollLab;
let prometheus: Server;
let port: number;

async function start(): Promise<void> {
  prometheus = createServer((_, response) => {
    response.end('{"status":"success","data":{"resultType":"vector","result":[]}}');
  });
  await new Promise<void>((resolve) => prometheus.listen(port, '127.0.0.1', resolve));
  port = (prometheus.address() as AddressInfo).port;
}

async function stop(): Promise<void> {
  if (!prometheus.listening) return;
  prometheus.closeAllConnections();
  await new Promise((resolve) => prometheus.close(resolve));
}

beforeEach(async () => {
  port = 0;
  await start();
});
afterEach(async () => {
  await roll.close();
  await stop();
});

const policy = (): PolicyOverrides => ({
  probes: [{ name: 'alerts', kind: 'prometheus', url: `http://127.0.0.1:${port}`, timeout: '2 seconds' }],
});

describe('a Prometheus that does not answer', () => {
  it('before anything is touched, refuses the roll', async () => {
    roll = await rollLab({ site: smallSite(), policy: policy() });
    await roll.startWorker();
    await stop();

    const handle = await startRoll(roll);

    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'Refused', message: expect.stringContaining('the probe "alerts" fails before') as string },
    });
    expect(roll.lab.log.of('guest.migrated', 'upgrade.start', 'reboot.request')).toEqual([]);
  });

  it('after the first node, holds the line: its guests are home and the second node is not touched', async () => {
    roll = await rollLab({ site: smallSite(), policy: policy() });
    const before = places(roll);
    await roll.startWorker();
    const rebooting = nextEvent(roll, (event) => event.action === 'reboot.request');
    const handle = await startRoll(roll);
    await rebooting;
    await stop();

    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'RollFailed', message: expect.stringContaining('"alerts" fails (ECONNREFUSED') as string },
    });
    expect(roll.lab.log.of('upgrade.start').map((event) => event.subject)).toEqual(['node/pve1']);
    expect(places(roll)).toEqual(before);
    expect(roll.lab.monitor.violations()).toEqual([]);
  });
});
