import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { runCli } from '../../scripts/cli/program.ts';
import { describeOnRealHosts } from './machine/describe.ts';
import type { Host } from './machine/host.ts';
import { monitorOf, nutNode } from './machine/nut-node.ts';
import { NODES_PASSWORD, NUT_PORT, startNut, type RealNut } from './machine/nut.ts';

describeOnRealHosts('caretaker power clients check', (world) => {
  let nut: RealNut;
  let host: Host;
  let folder: string;

  beforeAll(async () => {
    nut = await startNut(inject('nut') ?? '', world.site);
    await world.repository.publishArchives(inject('nutClientArchives'));
    host = await world.boot();
    folder = await mkdtemp(join(tmpdir(), 'caretaker-check-'));
    // Worker and node call the NUT server by one address, which leads to it from both.
    const socket = `[Socket]\nListenStream=127.0.0.1:${nut.port}\n`;
    const proxy = `[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd ${world.site.address}:${NUT_PORT}\n`;
    const units = '/run/systemd/system';
    await host.sh(
      `mkdir -p ${units}; printf '${socket}' >${units}/upsd.socket; printf '${proxy}' >${units}/upsd.service; systemctl daemon-reload; systemctl start upsd.socket`,
    );
    // Nobody asks its API.
    const fingerprint = Array.from({ length: 32 }, () => '00').join(':');
    await writeFile(
      join(folder, 'caretaker.yaml'),
      JSON.stringify({
        cluster: {
          name: 'homelab',
          api: { token: { env: 'T' } },
          ssh: { privateKey: { env: 'KEY' }, port: host.sshPort },
          nodes: [
            { name: host.name, address: '127.0.0.1', api: { fingerprint }, ssh: { hostKey: host.hostKey.fingerprint } },
          ],
        },
        power: {
          ups: { name: 'ups', host: '127.0.0.1', port: nut.port, tls: 'off' },
          clients: { user: 'nodes', password: { env: 'NUT_PASSWORD' } },
        },
      }),
    );
  });
  afterAll(async () => {
    await nut.close();
    await rm(folder, { recursive: true });
  });

  async function check(...flags: string[]): Promise<{ code: number; out: string }> {
    let out = '';
    const write = (text: string) => (out += text);
    const env = {
      CARETAKER_CONFIG: join(folder, 'caretaker.yaml'),
      KEY: host.clientKey.privateKey,
      NUT_PASSWORD: NODES_PASSWORD,
    };
    const code = await runCli(['power', 'clients', 'check', ...flags], { env, stdout: { write }, stderr: { write } });
    return { code, out };
  }

  it('says what keeps a node from being protected, and that nothing does', async () => {
    expect(await check()).toMatchObject({
      code: 1,
      out: expect.stringContaining('nut-client is not installed') as string,
    });

    // As the configuration has it.
    const monitor = monitorOf('127.0.0.1', { port: nut.port, pollInterval: 5, deadTime: 120 });
    await nutNode(host, monitor, nut).protect();
    const { code, out } = await check();
    expect(out).toMatch(/✔ protected +2\.\S+ +runs\n/);
    expect(out).toContain('\n  HOSTSYNC 360\n  FINALDELAY 360\n');
    expect(out).not.toContain(NODES_PASSWORD);
    expect(code).toBe(0);

    await host.sh('echo "# mine" >>/etc/nut/upsmon.conf');
    expect(JSON.parse((await check('--json')).out)).toMatchObject({
      nodes: [{ node: host.name, different: ['/etc/nut/upsmon.conf'], why: 'not as declared: /etc/nut/upsmon.conf' }],
    });
    await host.sh('systemctl stop nut-monitor');
    expect(await check()).toMatchObject({
      code: 1,
      out: expect.stringContaining('nut-monitor does not run') as string,
    });
    await nut.upsd.kill();
    expect(await check()).toMatchObject({
      code: 1,
      out: expect.stringContaining('The NUT server was not asked') as string,
    });
  });
});
