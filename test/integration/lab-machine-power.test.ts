import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ScaledClock } from '../../lab/core/clock.ts';
import type { Machine, PowerState } from '../../lab/core/machine.ts';
import { fastSite, processesOf, until } from './lab-machine-site.ts';
import type { Login, Site } from './lab-machine-site.ts';

let site: Site<ScaledClock>;
let machine: Machine;
let login: Login;

beforeEach(async () => {
  site = fastSite();
  machine = await site.machine({ kernels: ['6.8.12-9-pve', '6.14.8-2-pve'], packages: [] });
  login = await site.connect(machine);
});
afterEach(() => site.close());

const BOOT_ID = 'cat /proc/sys/kernel/random/boot_id';

describe('a reboot', () => {
  it('answers the caller, then goes down and comes up with a new boot_id', async () => {
    const powers: PowerState[] = [];
    machine.onPower((power) => powers.push(power));
    const before = (await login.run(BOOT_ID)).stdout;
    await login.run('touch ~/kept; systemctl reboot').catch(() => undefined);
    await site.event('node.up');
    const after = await (await site.connect(machine)).run(`${BOOT_ID}; ls ~`);
    expect(after.stdout).toMatch(/^[0-9a-f-]{36}\nkept\n$/);
    expect(after.stdout).not.toContain(before);
    expect(powers).toEqual(['shutting-down', 'off', 'booting', 'on']);
    expect(site.log.events.map((event) => event.action).filter((action) => /^(node|reboot)\./.test(action))).toEqual([
      'reboot.request',
      'node.shutdown',
      'node.off',
      'node.boot',
      'node.up',
    ]);
  });

  it('refuses connections meanwhile and resets the ones there were', async () => {
    const gone = new Promise<void>((resolve) => login.client.once('close', () => resolve()));
    await machine.shutdown({ reboot: false, actor: 'test' });
    await gone;
    await expect(site.connect(machine)).rejects.toThrow(/ECONNREFUSED/);
    machine.powerOn();
    await site.event('node.up');
    expect((await (await site.connect(machine)).run('hostname')).stdout).toBe('pve1\n');
  });

  it('takes transient units and their processes with it', async () => {
    await login.run(
      'systemd-run --unit=job sh -c \'trap "" TERM; echo $$ > "$0"; while :; do sleep 0.05; done\' ~/pid',
    );
    await until(async () => (await login.run('cat ~/pid')).stdout !== '');
    const pid = Number((await login.run('cat ~/pid')).stdout);
    void machine.shutdown({ reboot: true, actor: 'test' });
    await site.event('node.up');
    expect(processesOf(site.directory)).not.toContain(pid);
    expect((await machine.exec('systemctl show -p LoadState --value job')).stdout).toBe('not-found\n');
  });

  it('is ordered by reboot, shutdown and poweroff too', async () => {
    await login.run('shutdown -r now').catch(() => undefined);
    await site.event('node.up');
    await machine.exec('poweroff');
    await until(() => machine.power === 'off');
    expect(site.log.of('node.off').map((event) => event.detail['reason'])).toEqual(['reboot', 'shutdown']);
    expect(site.log.of('reboot.request')[0]?.detail['command']).toBe('shutdown -r now');
  });

  it('can be swallowed by a fault that answers for the command', async () => {
    site.faults.add((point) =>
      point.at === 'command' && point.name === 'reboot'
        ? { do: 'error', reason: 'W: molly-guard: aborting' }
        : undefined,
    );
    expect(await login.run('reboot')).toMatchObject({ code: 1, stderr: 'W: molly-guard: aborting\n' });
    expect(site.log.of('reboot.request')).toEqual([]);
  });

  it('never comes back when a fault stops the boot, until power is cut and given again', async () => {
    site.faults.once((point) => (point.at === 'node' && point.step === 'up' ? { do: 'drop' } : undefined));
    void machine.shutdown({ reboot: true, actor: 'test' });
    await site.event('fault.drop');
    await site.clock.sleep(300_000);
    expect(machine.power).toBe('booting');
    machine.powerCut('operator');
    machine.powerOn();
    await site.event('node.up');
    expect(machine.power).toBe('on');
  });

  it('waits for what hangs on the shutdown, with the network still up', async () => {
    let during: Promise<string> | undefined;
    machine.onShutdown(async ({ reboot }) => {
      during = site
        .connect(machine)
        .then((late) => late.run(`echo reboot=${reboot}`))
        .then(({ stdout }) => stdout);
      await during;
    });
    await machine.shutdown({ reboot: false, actor: 'test' });
    expect(await during).toBe('reboot=false\n');
  });
});

describe('the kernel after a boot', () => {
  async function reboot(): Promise<string> {
    const from = site.log.events.length;
    void machine.shutdown({ reboot: true, actor: 'test' });
    await site.event('node.up', (event) => event.seq >= from);
    return (await machine.exec('uname -r')).stdout.trim();
  }

  it('is the newest, unless one is pinned, unless another is pinned for one boot', async () => {
    expect((await login.run('uname -r')).stdout).toBe('6.14.8-2-pve\n');
    await login.run('proxmox-boot-tool kernel pin 6.8.12-9-pve && proxmox-boot-tool refresh');
    expect((await login.run('uname -r; cat /etc/kernel/proxmox-boot-pin')).stdout).toBe('6.14.8-2-pve\n6.8.12-9-pve\n');
    expect(await reboot()).toBe('6.8.12-9-pve');
    await machine.exec('proxmox-boot-tool kernel pin 6.14.8-2-pve --next-boot && proxmox-boot-tool refresh');
    expect((await machine.exec('proxmox-boot-tool kernel list')).stdout).toContain(
      'Pinned kernel:\n6.8.12-9-pve\n\nKernel pinned on next-boot:\n6.14.8-2-pve\n',
    );
    expect(await reboot()).toBe('6.14.8-2-pve');
    expect((await machine.exec('cat /etc/kernel/next-boot-pin')).code).toBe(1);
    expect(await reboot()).toBe('6.8.12-9-pve');
    await machine.exec('proxmox-boot-tool kernel unpin && proxmox-boot-tool refresh');
    expect(await reboot()).toBe('6.14.8-2-pve');
  });

  it('heeds a pin only after a refresh, where proxmox-boot-tool keeps the boot partitions', async () => {
    expect((await machine.exec('proxmox-boot-tool kernel pin 6.8.12-9-pve')).stdout).toBe(
      "Set kernel '6.8.12-9-pve' in /etc/kernel/proxmox-boot-pin. Use the 'refresh' command to update the ESPs.\n",
    );
    expect(await reboot()).toBe('6.14.8-2-pve');
  });

  it('heeds a pin at once where GRUB boots without such partitions', async () => {
    const legacy = await site.machine({
      id: 'node/pve2',
      kernels: ['6.8.12-9-pve', '6.14.8-2-pve'],
      packages: [],
      bootPartitions: {},
    });
    expect((await legacy.exec('proxmox-boot-tool kernel pin 6.8.12-9-pve')).stdout).toBe(
      "Setting '6.8.12-9-pve' as grub default entry and running update-grub.\n",
    );
    legacy.powerCut('test');
    legacy.powerOn();
    await expect.poll(() => legacy.power).toBe('on');
    expect(legacy.runningKernel).toBe('6.8.12-9-pve');
  });

  it('that hangs is started again at every power cycle, though it is pinned for one boot, until a person chooses', async () => {
    const [old, hanging] = ['6.8.12-9-pve', '6.14.8-2-pve'];
    await machine.exec(
      `proxmox-boot-tool kernel pin ${old}; proxmox-boot-tool kernel pin ${hanging} --next-boot; proxmox-boot-tool refresh`,
    );
    site.faults.add((point) =>
      point.at === 'node' && point.step === 'up' && point.kernel === hanging ? { do: 'drop' } : undefined,
    );
    for (let times = 0; times < 2; times += 1) {
      const from = site.log.events.length;
      machine.powerCut('operator');
      machine.powerOn();
      await site.event('fault.drop', (event) => event.seq >= from);
      expect([machine.power, machine.nextBootKernel]).toEqual(['booting', hanging]);
    }
    machine.powerCut('operator');
    machine.powerOn({ kernel: old });
    await site.event('node.up');
    expect([machine.runningKernel, machine.nextBootKernel, machine.pinnedKernel]).toEqual([old, undefined, old]);
  });

  it('cannot be pinned when it is not installed', async () => {
    expect((await login.run('proxmox-boot-tool kernel pin 5.0.0-1-pve')).code).toBe(1);
    expect((await login.run('cat /etc/kernel/proxmox-boot-pin')).code).toBe(1);
  });

  it('of a container is its node’s, and so is the boot_id', async () => {
    const container = await site.machine({
      id: 'lxc/192',
      hostname: 'pihole',
      kind: 'container',
      hostKernel: () => machine.runningKernel,
      hostBootId: () => machine.bootId,
    });
    const facts = `uname -r; ${BOOT_ID}`;
    expect((await container.exec(facts)).stdout).toBe((await machine.exec(facts)).stdout);
  });
});

describe('a power cut', () => {
  it('kills everything at once, whatever it did to survive', async () => {
    await login.run(
      'trap "" TERM HUP; setsid sleep 1000 </dev/null >/dev/null 2>&1 & sleep 1000 </dev/null >/dev/null 2>&1 &',
    );
    expect(processesOf(site.directory).length).toBeGreaterThan(0);
    machine.powerCut('test');
    expect(machine.power).toBe('off');
    await until(() => processesOf(site.directory).length === 0);
  });

  it('makes a lab command in progress stop', async () => {
    const reasons: unknown[] = [];
    machine.command('pvecm', async (call) => {
      await site.clock.sleep(3_600_000, call.signal).catch((reason: unknown) => reasons.push(reason));
      return 0;
    });
    void login.run('pvecm').catch(() => undefined);
    await site.event('command.run');
    machine.powerCut('test');
    await until(() => reasons.length === 1);
  });

  it('during a shutdown or a boot wins over it', async () => {
    void machine.shutdown({ reboot: true, actor: 'test' });
    machine.powerCut('test');
    await site.clock.sleep(300_000);
    expect(machine.power).toBe('off');
    machine.powerOn();
    machine.powerCut('test');
    await site.clock.sleep(300_000);
    expect(machine.power).toBe('off');
    expect(site.log.of('node.up')).toEqual([]);
  });
});

describe('a line whose caller is gone', () => {
  it('stops its lab command when the process is killed', async () => {
    let stopped = false;
    machine.command('pvecm', async (call) => {
      await site.clock.sleep(3_600_000, call.signal).catch(() => (stopped = true));
      return 0;
    });
    expect((await login.run('pvecm & sleep 0.2; kill -9 $!; wait $!')).code).toBe(137);
    await until(() => stopped);
  });

  it('is killed with all it started when its exec is aborted', async () => {
    const abort = new AbortController();
    const running = machine.exec('setsid sleep 1000 & sleep 1000', { signal: abort.signal });
    await until(() => processesOf(site.directory).length >= 3);
    abort.abort();
    expect((await running).code).not.toBe(0);
    expect(processesOf(site.directory)).toEqual([]);
  });
});

it('leaves no process behind when it is closed', async () => {
  await login.run('setsid sleep 1000 </dev/null >/dev/null 2>&1 &');
  await login.run(`systemd-run --unit=job sh -c 'trap "" TERM; while :; do sleep 0.05; done'`);
  void login.run('cat; uname -r; sleep 1000').catch(() => undefined);
  await until(() => processesOf(site.directory).length >= 3);
  await machine.close();
  expect(processesOf(site.directory)).toEqual([]);
});
