import { readFileSync } from 'node:fs';
import proxmoxApi from 'proxmox-api';
import { Agent, fetch } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallSite } from '../../lab/index.ts';
import type { LabBench } from './lab-client.ts';
import { openBench } from './lab-client.ts';

let bench: LabBench;
let agent: Agent;

beforeAll(async () => {
  bench = await openBench({ site: smallSite() });
  agent = new Agent({ connect: { ca: readFileSync(bench.lab.access.caFile, 'utf8') } });
});

afterAll(async () => {
  await agent.destroy();
  await bench.close();
});

/** The npm package `proxmox-api`, which knows nothing of this lab, trusting its authority. */
function foreignClient(login: { password: string } | { tokenID: string; tokenSecret: string }) {
  const api = bench.lab.access.nodes[0]?.api;
  if (!api) throw new Error('no node');
  const trusting: typeof fetch = (url, init) => fetch(url, { ...init, dispatcher: agent });
  const options = { host: api.host, port: api.port, fetch: trusting as never, ...login };
  return ('default' in proxmoxApi ? (proxmoxApi as unknown as { default: typeof proxmoxApi }).default : proxmoxApi)(
    options,
  );
}

describe('a foreign Proxmox client', () => {
  it('logs in with the password, lists, and reads a guest', async () => {
    const proxmox = foreignClient({ password: bench.lab.access.password.password });
    const nodes = await proxmox.nodes.$get();
    expect(nodes.map((node) => node.node)).toEqual(['pve1', 'pve2']);
    const guests = await proxmox.nodes.$('pve1').qemu.$get();
    expect(guests).toMatchObject([{ vmid: 201, name: 'vm-1', status: 'running' }]);
  });

  it('logs in with a token, migrates a guest and follows its task to the end', async () => {
    const { id, secret } = bench.lab.access.token;
    const proxmox = foreignClient({ tokenID: id, tokenSecret: secret });
    const node = proxmox.nodes.$('pve1');
    const upid = await node.qemu.$(201).migrate.$post({ target: 'pve2', online: true, 'with-local-disks': true });
    let status = await node.tasks.$(upid).status.$get();
    while (status.status === 'running') {
      await bench.lab.clock.sleep(1_000);
      status = await node.tasks.$(upid).status.$get();
    }
    expect(status.exitstatus).toBe('OK');
    const lines = await node.tasks.$(upid).log.$get();
    expect(lines.at(-1)?.t).toBe('TASK OK');
    const resources = await proxmox.cluster.resources.$get({ type: 'vm' });
    expect(resources.find((resource) => resource.id === 'qemu/201')?.node).toBe('pve2');
  });

  it('reboots a node and sees it come back', async () => {
    const proxmox = foreignClient({ password: bench.lab.access.password.password });
    const before = bench.lab.node('pve2').machine.bootId;
    await proxmox.nodes.$('pve2').status.$post({ command: 'reboot' });
    await bench.until(
      () => bench.lab.node('pve2').machine.power === 'off' || bench.lab.node('pve2').machine.power === 'booting',
    );
    await expect(proxmox.nodes.$('pve2').status.$get()).rejects.toThrow('595');
    await bench.until(() => bench.lab.node('pve2').apiUp && bench.lab.node('pve2').joined);
    expect(await proxmox.nodes.$('pve2').status.$get()).toMatchObject({
      'current-kernel': { release: '6.14.11-2-pve' },
    });
    expect(bench.lab.node('pve2').machine.bootId).not.toBe(before);
  });
});
