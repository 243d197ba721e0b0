import { afterEach, describe, expect, it } from 'vitest';
import { createLab, smallSite } from '../../lab/index.ts';
import type { FaultPoint } from '../../lab/index.ts';
import { LabBench, openBench } from './lab-client.ts';

let bench: LabBench;

afterEach(async () => {
  await bench.close();
});

const MIGRATE = { target: 'pve2', online: '1', 'with-local-disks': '1' };

function isSecondHop(point: FaultPoint): boolean {
  return point.at === 'api' && point.receiver === 'pve2' && point.phase === 'before';
}

describe('a call for another node', () => {
  it('is 595 with an empty body while that node is off, and the node itself refuses connections', async () => {
    bench = await openBench({ site: smallSite({ qdevice: true }) });
    bench.lab.node('pve2').machine.powerCut('test');
    const answer = await bench.call('GET', '/nodes/pve2/status');
    expect(answer).toMatchObject({
      status: 595,
      reason: 'Errors during connection establishment, proxy handshake: No route to host',
      text: '',
    });
    expect(answer.headers['content-type']).toBeUndefined();
    await expect(bench.call('GET', '/version', { at: 1 })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await bench.get('/cluster/status')).toMatchObject([{ quorate: 1 }, { online: 1 }, { online: 0 }]);
  });

  it('is 596 after thirty virtual seconds, although its effect still happens', async () => {
    bench = await openBench({ site: smallSite() });
    bench.lab.faults.once((point) => (isSecondHop(point) ? { do: 'delay', ms: 40_000 } : undefined));
    const answer = await bench.call('POST', '/nodes/pve2/qemu/202/status/stop', { form: {} });
    expect(answer).toMatchObject({
      status: 596,
      reason: 'Errors during TLS negotiation, request sending and header processing: Connection timed out',
      text: '',
    });
    await bench.until(() => !bench.lab.guest(202).running);
    expect(await bench.get('/nodes/pve2/tasks?source=all&typefilter=qmstop')).toHaveLength(1);
  });

  it('breaks off with 596 when that node dies meanwhile', async () => {
    bench = await openBench({ site: smallSite() });
    bench.lab.faults.once((point) => (isSecondHop(point) ? { do: 'die' } : undefined));
    expect(await bench.call('GET', '/nodes/pve2/status')).toMatchObject({ status: 596, text: '' });
  });
});

describe('a fault in front of the API', () => {
  const atVersion = (phase: 'before' | 'after') => (point: FaultPoint) =>
    point.at === 'api' && point.phase === phase && point.path === '/version';

  it('can answer with an error, with a lie, or not at all', async () => {
    bench = await openBench({ site: smallSite() });
    const { faults } = bench.lab;
    faults.once((point) => (atVersion('before')(point) ? { do: 'error', status: 503, reason: 'busy' } : undefined));
    expect(await bench.call('GET', '/version')).toMatchObject({ status: 503, reason: 'busy' });
    faults.once((point) => (atVersion('after')(point) ? { do: 'lie', body: { version: '1.0' } } : undefined));
    expect(await bench.get('/version')).toEqual({ version: '1.0' });
    faults.once((point) => (atVersion('before')(point) ? { do: 'drop' } : undefined));
    await expect(bench.call('GET', '/version')).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
    expect((await bench.call('GET', '/version')).status).toBe(200);
  });

  it('can take the answer away after the effect has happened', async () => {
    bench = await openBench({ site: smallSite() });
    bench.lab.faults.once((point) =>
      point.at === 'api' && point.phase === 'after' && point.method === 'POST' ? { do: 'drop' } : undefined,
    );
    await expect(bench.call('POST', '/nodes/pve1/qemu/201/status/stop', { form: {} })).rejects.toThrow();
    await bench.until(() => !bench.lab.guest(201).running);
    expect(await bench.get('/nodes/pve1/tasks?source=all&typefilter=qmstop')).toHaveLength(1);
  });

  it('can refuse connections', async () => {
    bench = await openBench({ site: smallSite() });
    bench.lab.faults.once((point) =>
      point.at === 'connection' && point.protocol === 'https' ? { do: 'drop' } : undefined,
    );
    await expect(bench.call('GET', '/version')).rejects.toThrow();
    expect((await bench.call('GET', '/version')).status).toBe(200);
  });
});

describe('while pve-cluster restarts', () => {
  it('a good token is 401 for a moment and a ticket 500', async () => {
    bench = await openBench({ site: smallSite() });
    const { username, password } = bench.lab.access.password;
    const login = await bench.call('POST', '/access/ticket', { form: { username, password }, headers: {} });
    const cookie = `PVEAuthCookie=${encodeURIComponent((login.data as { ticket: string }).ticket)}`;
    bench.lab.node('pve1').pmxcfs = false;
    expect(await bench.call('GET', '/cluster/status')).toMatchObject({ status: 401 });
    expect(await bench.call('GET', '/cluster/status', { headers: { cookie } })).toMatchObject({
      status: 500,
      reason: 'ipcc_send_rec[1] failed: Connection refused',
    });
    bench.lab.node('pve1').pmxcfs = true;
    expect((await bench.call('GET', '/cluster/status')).status).toBe(200);
  });
});

describe('a lab started again in the same directory', () => {
  it('makes certificates of one authority again when its nodes have changed', async () => {
    bench = await openBench({ site: smallSite({ nodes: 1 }) });
    for (const nodes of [2, 1, 2]) {
      await bench.lab.close();
      bench = new LabBench(
        await createLab({ directory: bench.directory, scale: 100, site: smallSite({ nodes }) }),
        bench.directory,
      );
      for (let at = 0; at < nodes; at++) expect((await bench.call('GET', '/version', { at })).status).toBe(200);
    }
  });

  it('has the same credentials and certificates', async () => {
    bench = await openBench({ site: smallSite() });
    const { access } = bench.lab;
    await bench.lab.close();
    bench = new LabBench(
      await createLab({ directory: bench.directory, scale: 100, site: smallSite() }),
      bench.directory,
    );
    expect(bench.lab.access.token).toEqual(access.token);
    expect(bench.lab.access.nodes.map((node) => node.api.fingerprint)).toEqual(
      access.nodes.map((node) => node.api.fingerprint),
    );
    expect((await bench.call('GET', '/version')).status).toBe(200);
  });
});

describe('without quorum', () => {
  it('reading goes on and every change is 500 `cluster not ready - no quorum?`', async () => {
    bench = await openBench({ site: smallSite() });
    bench.lab.node('pve2').machine.powerCut('test');
    expect(await bench.get('/cluster/status')).toMatchObject([{ quorate: 0 }, {}, {}]);
    const form = { ...MIGRATE };
    expect(await bench.call('POST', '/nodes/pve1/qemu/201/migrate', { form })).toMatchObject({
      status: 500,
      reason: 'cluster not ready - no quorum?',
    });
  });
});

describe('an HA guest', () => {
  it('is migrated by a task that only queues and ends OK long before the guest has moved', async () => {
    bench = await openBench({ site: smallSite({ nodes: 3, ha: true }) });
    const { data } = await bench.call('POST', '/nodes/pve1/qemu/201/migrate', { form: MIGRATE });
    expect(String(data)).toMatch(/:hamigrate:201:/);
    expect(await bench.followed(String(data))).toBe('OK');
    expect(bench.lab.guest(201).node).toBe('pve1');
    await bench.until(() => bench.lab.guest(201).node === 'pve2');
    expect(await bench.get('/nodes/pve1/tasks?source=all&typefilter=qmigrate')).toHaveLength(1);
    expect(bench.lab.schemaViolations).toEqual([]);
  });

  it('is stopped and started by the HA manager', async () => {
    bench = await openBench({ site: smallSite({ nodes: 3, ha: true }) });
    const stop = await bench.call('POST', '/nodes/pve1/lxc/101/status/shutdown', { form: {} });
    expect(String(stop.data)).toMatch(/:hastop:101:/);
    await bench.until(() => !bench.lab.guest(101).running);
    expect(await bench.get('/cluster/ha/resources/ct:101')).toMatchObject({ state: 'stopped' });
    const start = await bench.call('POST', '/nodes/pve1/lxc/101/status/start', { form: {} });
    expect(String(start.data)).toMatch(/:hastart:101:/);
    await bench.until(() => bench.lab.guest(101).running);
  });
});

describe('a reboot through the API', () => {
  it('answers at once, ends running tasks as `unexpected status`, and brings the guests back', async () => {
    bench = await openBench({ site: smallSite({ qdevice: true }) });
    const backup = await bench.call('POST', '/nodes/pve2/vzdump', { form: { vmid: '202,102', storage: 'pbs' } });
    expect((await bench.call('POST', '/nodes/pve2/status', { form: { command: 'reboot' } })).data).toBeNull();
    await bench.until(() => bench.lab.node('pve2').machine.power !== 'on');
    await bench.until(() => bench.lab.node('pve2').joined && bench.lab.node('pve2').machine.power === 'on');
    const status = await bench.get(`/nodes/pve2/tasks/${encodeURIComponent(String(backup.data))}/status`);
    expect(status).toMatchObject({ status: 'stopped', exitstatus: 'unexpected status' });
    await bench.until(() => bench.lab.guest(102).running && bench.lab.guest(202).running);
    expect(bench.lab.monitor.violations()).toEqual([]);
    expect(bench.lab.monitor.report()).toMatchObject({ reboots: { 'node/pve2': 1 }, quorumLost: 0 });
  });
});

describe('an upgrade over SSH’s shell', () => {
  it('installs the pending kernel, restarts pveproxy and empties the list of updates', async () => {
    bench = await openBench({ site: smallSite() });
    const { machine } = bench.lab.node('pve1');
    await bench.followed(String((await bench.call('POST', '/nodes/pve1/apt/update', { form: {} })).data));
    expect((await bench.get<unknown[]>('/nodes/pve1/apt/update')).length).toBeGreaterThan(10);
    const { code } = await machine.exec('DEBIAN_FRONTEND=noninteractive apt-get -y dist-upgrade </dev/null');
    expect(code).toBe(0);
    expect(bench.lab.log.of('proxy.restart').map((event) => event.subject)).toEqual(['node/pve1']);
    await bench.until(() => bench.lab.node('pve1').apiUp);
    expect(await bench.get('/nodes/pve1/apt/update')).toEqual([]);
    const versions = await bench.get<{ Package: string; RunningKernel?: string }[]>('/nodes/pve1/apt/versions');
    expect(versions.map((item) => item.Package)).toContain('proxmox-kernel-6.14.11-4-pve-signed');
    expect(versions.find((item) => item.Package === 'proxmox-ve')?.RunningKernel).toBe('6.14.11-2-pve');
    expect(await bench.get('/version')).toMatchObject({ version: '9.2.11' });
  });
});

describe('commands over the node’s shell', () => {
  it('pass the exit code and output of pct exec through', async () => {
    bench = await openBench({ site: smallSite() });
    const { machine } = bench.lab.node('pve1');
    const inside = await machine.exec(`pct exec 101 -- sh -c 'echo "a b"; exit 7'`);
    expect(inside).toMatchObject({ code: 7, stdout: 'a b\n' });
    expect((await machine.exec('pct status 101')).stdout).toBe('status: running\n');
    expect((await machine.exec('pveversion')).stdout).toMatch(
      /^pve-manager\/9\.2\.10\/\w+ \(running kernel: 6\.14\.11-2-pve\)\n$/,
    );
    expect((await machine.exec('pct status 102')).code).not.toBe(0);
  });
});
