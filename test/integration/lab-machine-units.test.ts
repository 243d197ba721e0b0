import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ScaledClock } from '../../lab/core/clock.ts';
import type { Machine } from '../../lab/core/machine.ts';
import { fastSite, processesOf, until } from './lab-machine-site.ts';
import type { Login, Site } from './lab-machine-site.ts';

let site: Site<ScaledClock>;
let machine: Machine;
let login: Login;

beforeEach(async () => {
  site = fastSite();
  machine = await site.machine();
  login = await site.connect(machine);
});
afterEach(() => site.close());

const ENDLESS = "sh -c 'while :; do sleep 0.05; done'";

describe('systemd-run', () => {
  it('runs a command beside the session that asked for it', async () => {
    const { code, stderr } = await login.run(
      `systemd-run --unit=job --collect sh -c 'echo "$0 $1" > "$2"' "a  b" c ~/out`,
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/^Running as unit: job\.service; invocation ID: [0-9a-f]{32}\n$/);
    await site.event('unit.end');
    expect((await login.run('cat ~/out')).stdout).toBe('a  b c\n');
  });

  it('refuses a name that is loaded, running or failed', async () => {
    const refusal =
      'Failed to start transient service unit: Unit job.service was already loaded or has a fragment file.\n';
    await login.run(`systemd-run -q --unit=job ${ENDLESS}`);
    expect(await login.run('systemd-run --unit=job true')).toMatchObject({ code: 1, stderr: refusal });
    await login.run('systemctl kill -s KILL job');
    await site.event('unit.end');
    expect((await login.run('systemctl show -p ActiveState,Result,ExecMainStatus job')).stdout).toBe(
      'Result=signal\nExecMainStatus=9\nActiveState=failed\n',
    );
    expect(await login.run('systemd-run --unit=job true')).toMatchObject({ code: 1, stderr: refusal });
    await login.run('systemctl reset-failed job');
    expect(await login.run('systemd-run -q --unit=job true')).toMatchObject({ code: 0, stderr: '' });
  });

  it('unloads what succeeded, keeps what failed, and with -G neither', async () => {
    const load = async (name: string) => (await login.run(`systemctl show -p LoadState --value ${name}`)).stdout.trim();
    for (const [options, exit, state] of [
      ['', 0, 'not-found'],
      ['', 3, 'loaded'],
      ['-G', 3, 'not-found'],
    ] as const) {
      const unit = `job${options}${exit}.service`;
      await login.run(`systemd-run ${options} --unit=${unit} sh -c 'exit ${exit}'`);
      const end = await site.event('unit.end', (event) => event.detail['unit'] === unit);
      expect(end.detail['code']).toBe(exit);
      expect(await load(unit)).toBe(state);
    }
  });

  it('survives the connection it came by', async () => {
    await login.run(`systemd-run --unit=job sh -c 'until [ -e "$0" ]; do sleep 0.02; done; echo done > "$0"' ~/go`);
    login.client.destroy();
    const again = await site.connect(machine);
    expect((await again.run('systemctl is-active job')).stdout).toBe('active\n');
    await again.run('touch ~/go');
    expect((await site.event('unit.end')).detail['result']).toBe('success');
    expect((await again.run('cat ~/go')).stdout).toBe('done\n');
  });

  it('is ended by RuntimeMaxSec, counted in virtual time', async () => {
    await login.run(`systemd-run --unit=job -p RuntimeMaxSec=2min ${ENDLESS}`);
    const start = await site.event('unit.start');
    const end = await site.event('unit.end');
    expect(end.detail['result']).toBe('timeout');
    expect(Date.parse(end.at) - Date.parse(start.at)).toBeGreaterThanOrEqual(119_000);
    expect((await login.run('systemctl is-failed job')).stdout).toBe('failed\n');
  });

  it('stops with everything it started, setsid or not', async () => {
    await login.run(`systemd-run --unit=job sh -c 'setsid sleep 1000 & wait'`);
    await until(() => processesOf(site.directory).length === 2);
    expect((await login.run('systemctl stop job')).code).toBe(0);
    expect(processesOf(site.directory)).toEqual([]);
    expect((await login.run('systemctl is-active job')).code).toBe(4);
  });

  it('has no HOME, the root as folder, and the environment it is given', async () => {
    const line = `systemd-run --wait --setenv=A='x y' -E LANG sh -c 'echo "$A|\${HOME-none}|$LANG|$PWD" > "$0"' ~/out`;
    expect((await login.run(`LANG=de_DE ${line}`)).code).toBe(0);
    const [root] = (await login.run('dirname ~')).stdout.split('\n');
    expect((await login.run('cat ~/out')).stdout).toBe(`x y|none|de_DE|${root}\n`);
  });

  it('writes to the journal, or to the file it is told', async () => {
    await login.run(`systemd-run --unit=job -p RemainAfterExit=yes --wait sh -c 'echo one; echo two >&2'`);
    expect((await login.run('journalctl -u job -o cat')).stdout).toBe('one\ntwo\n');
    expect((await login.run('journalctl -u job -n 1 --no-pager')).stdout).toMatch(
      /^\w{3} \d\d [\d:]{8} pve1 sh\[\d+\]: two\n$/,
    );
    await login.run(`systemd-run --wait -p StandardOutput=append:"$HOME/log" sh -c 'echo three'`);
    expect((await login.run('cat log')).stdout).toBe('three\n');
  });

  it('refuses what it does not know', async () => {
    expect(await login.run('systemd-run nowhere')).toMatchObject({
      code: 1,
      stderr: 'Failed to find executable nowhere: No such file or directory\n',
    });
    expect(await login.run('systemd-run -p Colour=red true')).toMatchObject({
      code: 1,
      stderr: 'Unknown assignment: Colour=red\n',
    });
    expect((await login.run('systemd-run --scope true')).code).toBe(1);
  });

  it('is not there on a container without systemd', async () => {
    const container = await site.machine({ id: 'lxc/192', hostname: 'pihole', kind: 'container' });
    expect((await container.exec('systemd-run true')).code).toBe(127);
    const full = await site.machine({ id: 'lxc/193', hostname: 'docker', kind: 'container', systemd: true });
    expect((await full.exec('systemd-run --wait true')).code).toBe(0);
  });
});

describe('systemctl', () => {
  it('knows the services of a Proxmox node', async () => {
    const services = 'pve-cluster corosync pvedaemon pveproxy pvestatd pve-ha-crm pve-ha-lrm pvescheduler ssh';
    const { code, stdout } = await login.run(`systemctl is-active ${services}`);
    expect([code, new Set(stdout.trim().split('\n'))]).toEqual([0, new Set(['active'])]);
    expect(await login.run('systemctl is-system-running')).toMatchObject({ code: 0, stdout: 'running\n' });
  });

  it('tells a unit that is not there by exit code and properties', async () => {
    expect(await login.run('systemctl is-active none')).toMatchObject({ code: 4, stdout: 'inactive\n' });
    expect((await login.run('systemctl status none')).code).toBe(4);
    expect((await login.run('systemctl stop none')).code).toBe(5);
    expect((await login.run('systemctl show -p LoadState -p MainPID none')).stdout).toBe(
      'MainPID=0\nLoadState=not-found\n',
    );
  });

  it('stops and starts a service', async () => {
    await login.run('systemctl stop pve-ha-lrm');
    expect((await login.run('systemctl is-active pve-ha-lrm')).code).toBe(3);
    await login.run('systemctl start pve-ha-lrm');
    expect((await login.run('systemctl is-active pve-ha-lrm')).code).toBe(0);
  });

  it('lists failed units and calls the system degraded', async () => {
    await login.run("systemd-run --unit=job sh -c 'exit 1'");
    await site.event('unit.end');
    expect((await login.run('systemctl list-units --failed --no-legend')).stdout).toContain(
      'job.service loaded failed',
    );
    expect(await login.run('systemctl is-system-running')).toMatchObject({ code: 1, stdout: 'degraded\n' });
  });
});
