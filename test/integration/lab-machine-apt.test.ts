import { afterEach, describe, expect, it } from 'vitest';
import type { ManualClock, ScaledClock } from '../../lab/core/clock.ts';
import type { Machine, PackageSpec } from '../../lab/core/machine.ts';
import { advanceUntil, fastSite, manualSite, until } from './lab-machine-site.ts';
import type { Login, Site } from './lab-machine-site.ts';

let close: () => Promise<void> = () => Promise.resolve();
afterEach(() => close());

const CURL: PackageSpec = { name: 'curl', installed: '8.14.1-2', candidate: '8.14.1-2+deb13u1' };
const BIND: PackageSpec = { name: 'bind9', installed: '1:9.20.11-1', candidate: '1:9.20.15-1' };
const KERNEL: PackageSpec = {
  name: 'proxmox-kernel-6.14.11-1-pve-signed',
  candidate: '6.14.11-1',
  origin: 'Proxmox',
  kernel: '6.14.11-1-pve',
};
const META: PackageSpec = {
  name: 'proxmox-kernel-6.14',
  installed: '6.14.8-2',
  candidate: '6.14.11-1',
  origin: 'Proxmox',
  arch: 'all',
  depends: [KERNEL.name],
};

interface Bench<Clock extends ManualClock | ScaledClock> {
  readonly site: Site<Clock>;
  readonly machine: Machine;
  readonly login: Login;
}

async function bench<Clock extends ManualClock | ScaledClock>(
  site: Site<Clock>,
  packages: readonly PackageSpec[],
): Promise<Bench<Clock>> {
  close = () => site.close();
  const machine = await site.machine({ packages, kernels: ['6.14.8-2-pve'] });
  return { site, machine, login: await site.connect(machine) };
}

const UPGRADE = 'DEBIAN_FRONTEND=noninteractive apt-get -y dist-upgrade';
const KEEP_OLD = '-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold';

describe('apt-get dist-upgrade', () => {
  it('upgrades, installs and says so line by line as apt does', async () => {
    const { login, machine, site } = await bench(fastSite(), [CURL, KERNEL, META]);
    const { code, stdout, stderr } = await login.run(UPGRADE);
    expect([code, stderr]).toEqual([0, '']);
    for (const line of [
      'The following NEW packages will be installed:\n  proxmox-kernel-6.14.11-1-pve-signed\n',
      'The following packages will be upgraded:\n  curl proxmox-kernel-6.14\n',
      '2 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.\n',
      'Unpacking curl (8.14.1-2+deb13u1) over (8.14.1-2) ...\n',
      'Selecting previously unselected package proxmox-kernel-6.14.11-1-pve-signed.\n',
      'Setting up proxmox-kernel-6.14 (6.14.11-1) ...\n',
    ]) {
      expect(stdout).toContain(line);
    }
    expect(machine.packages).toEqual([]);
    expect(machine.installedKernels).toEqual(['6.14.8-2-pve', '6.14.11-1-pve']);
    expect((await login.run('uname -r; needrestart -b -k')).stdout).toMatch(
      /^6\.14\.8-2-pve\n[^]*KCUR: 6\.14\.8-2-pve\n[^]*KEXP: 6\.14\.11-1-pve\nNEEDRESTART-KSTA: 3\n$/,
    );
    expect(site.log.of('upgrade.start', 'upgrade.end').map((event) => event.detail['rc'])).toEqual([undefined, 0]);
    expect(site.log.of('package.configured')).toHaveLength(3);
  });

  it('tells the cluster of each package it configured', async () => {
    const { login, machine } = await bench(fastSite(), [CURL, BIND]);
    const seen: string[] = [];
    machine.onPackageConfigured((name, version) => seen.push(`${name} ${version}`));
    await login.run(UPGRADE);
    expect(seen).toEqual(['bind9 1:9.20.15-1', 'curl 8.14.1-2+deb13u1']);
  });

  it('changes nothing when it only simulates', async () => {
    const { login, machine, site } = await bench(fastSite(), [CURL, KERNEL]);
    const { stdout } = await login.run('apt-get -s dist-upgrade | grep -E "^(Inst|Conf)"');
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      'Inst curl [8.14.1-2] (8.14.1-2+deb13u1 Debian:13.1/stable [amd64])',
      'Inst proxmox-kernel-6.14.11-1-pve-signed (6.14.11-1 Proxmox Debian Repository:stable [amd64])',
    ]);
    expect(machine.packages).toHaveLength(2);
    expect(site.log.of('upgrade.start')).toEqual([]);
  });

  it('asks first, and a closed input is a no', async () => {
    const { login, machine } = await bench(fastSite(), [CURL]);
    expect(await login.run('apt-get dist-upgrade')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/\? \[Y\/n\] Abort\.\n$/) as string,
    });
    expect(machine.packages).toHaveLength(1);
    expect((await login.run('apt-get dist-upgrade', 'y\n')).code).toBe(0);
    expect(machine.packages).toEqual([]);
  });

  it('keeps held packages back', async () => {
    const { login } = await bench(fastSite(), [CURL, { ...BIND, held: true }]);
    const { stdout } = await login.run(UPGRADE);
    expect(stdout).toContain('The following packages have been kept back:\n  bind9\n');
    expect(stdout).toContain('1 upgraded, 0 newly installed, 0 to remove and 1 not upgraded.\n');
    expect((await login.run('apt-mark showhold')).stdout).toBe('bind9\n');
  });

  it('sees a new version only after apt-get update', async () => {
    const { login, machine } = await bench(fastSite(), []);
    machine.publish([CURL]);
    expect((await login.run(UPGRADE)).stdout).toContain('0 upgraded, 0 newly installed');
    const lines: string[] = [];
    await machine.refreshPackages((line) => lines.push(line));
    expect(lines.at(-1)).toBe('Reading package lists...');
    expect((await login.run('apt list --upgradable 2>/dev/null')).stdout).toContain(
      'curl/stable 8.14.1-2+deb13u1 amd64 [upgradable from: 8.14.1-2]\n',
    );
  });

  it('unlike upgrade, takes what needs something new', async () => {
    const { login, machine } = await bench(fastSite(), [CURL, KERNEL, META]);
    expect((await login.run('apt-get -y upgrade')).stdout).toContain('kept back:\n  proxmox-kernel-6.14\n');
    expect(machine.packages.map((item) => item.name)).toEqual(['proxmox-kernel-6.14', KERNEL.name]);
    await login.run(UPGRADE);
    expect(machine.packages).toEqual([]);
  });
});

describe('a configuration file both sides changed', () => {
  const packages = [CURL, { ...BIND, conffile: true }];

  it('hangs on an open input, whatever DEBIAN_FRONTEND says, until somebody answers', async () => {
    const { login, machine, site } = await bench(fastSite(), packages);
    const running = await login.open(UPGRADE);
    await until(() => running.output().endsWith('*** bind9.conf (Y/I/N/O/D/Z) [default=N] ? '));
    await site.clock.sleep(3_600_000 / 10);
    expect(machine.packages.length + site.log.of('upgrade.end').length).toBe(0);
    running.channel.end('\n');
    expect((await running.result).code).toBe(0);
  });

  it('fails on a closed input and leaves the package unpacked', async () => {
    const { login } = await bench(fastSite(), packages);
    const { code, stderr } = await login.run(`${UPGRADE} </dev/null`);
    expect(code).toBe(100);
    expect(stderr).toContain(
      'dpkg: error processing package bind9 (--configure):\n end of file on stdin at conffile prompt\n',
    );
    expect(stderr).toContain('E: Sub-process /usr/bin/dpkg returned an error code (1)\n');
    expect((await login.run('dpkg -l bind9 | tail -n 1')).stdout).toMatch(/^iU bind9/);
    expect((await login.run('dpkg --force-confold --configure -a')).code).toBe(0);
    expect((await login.run("dpkg-query -W -f='${db:Status-Abbrev}${Version}\\n' bind9")).stdout).toBe(
      'ii 1:9.20.15-1\n',
    );
  });

  it('stays as it is with --force-confdef or --force-confold, and is replaced with --force-confnew', async () => {
    for (const [options, said] of [
      [KEEP_OLD, ' ==> Keeping old config file as default.\n'],
      ['-o dpkg::options::=--force-confold', ' ==> Using current old file as you requested.\n'],
      ['-o Dpkg::Options::="--force-confnew"', ' ==> Using new file as you requested.\n'],
    ] as const) {
      const { login } = await bench(fastSite(), packages);
      const { code, stderr } = await login.run(`${UPGRADE} ${options} </dev/null`);
      expect([code, stderr.endsWith(said)]).toEqual([0, true]);
      await close();
    }
  });
});

describe('the dpkg lock', () => {
  const HELD = 'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process ';

  it('makes apt fail at once while another process holds it', async () => {
    const { login, machine, site } = await bench(fastSite(), [CURL]);
    const release = machine.holdDpkgLock(3_600_000_000);
    const { code, stderr } = await login.run(UPGRADE);
    expect([code, stderr.startsWith(HELD), stderr.includes('(unattended-upgr)')]).toEqual([100, true, true]);
    expect((await login.run('dpkg --configure -a')).code).toBe(2);
    expect(site.log.of('upgrade.end')[0]?.detail['rc']).toBe(100);
    release();
    expect((await login.run(UPGRADE)).code).toBe(0);
  });

  it('is waited for as long as DPkg::Lock::Timeout says', async () => {
    const { login, machine, site } = await bench(manualSite(), [CURL]);
    machine.holdDpkgLock(60_000, 'apt-get');
    const short = await login.open(`${UPGRADE} -o DPkg::Lock::Timeout=30`);
    const long = await login.open(`${UPGRADE} -o DPkg::Lock::Timeout=600`);
    await until(() =>
      [short, long].every((run) => run.output().startsWith('Waiting for cache lock: Could not get lock')),
    );
    await site.clock.advance(30_000);
    expect((await short.result).code).toBe(100);
    expect(site.log.of('package.configured')).toEqual([]);
    await advanceUntil(site.clock, () => site.log.of('upgrade.end').length === 2);
    expect((await long.result).code).toBe(0);
  });

  it('is waited for by apt-get check, which changes nothing', async () => {
    const { login, machine, site } = await bench(manualSite(), [CURL]);
    machine.holdDpkgLock(60_000, 'apt-get');
    const check = await login.open('apt-get check -o DPkg::Lock::Timeout=600');
    await until(() => check.output().startsWith('Waiting for cache lock: Could not get lock'));
    await site.clock.advance(60_000);
    expect((await check.result).code).toBe(0);
    expect(site.log.of('upgrade.end')).toEqual([]);
  });

  it('is let go of by a run that dies', async () => {
    const { login, machine, site } = await bench(manualSite(), [CURL]);
    const running = await login.open(UPGRADE);
    await until(() => running.output().includes('Get:1'));
    expect((await login.run(UPGRADE)).stderr).toContain('(apt-get)');
    const [start] = site.log.of('upgrade.start');
    await login.run(`kill -9 ${String(start?.detail['pid'])}`);
    await until(() => site.log.of('upgrade.end').length === 2);
    const again = await login.open(UPGRADE);
    await advanceUntil(site.clock, () => machine.packages.length === 0 && site.log.of('upgrade.end').length === 3);
    expect((await again.result).code).toBe(0);
  });
});

describe('a package that cannot be configured', () => {
  it('is left half-configured, tried again by the next run and finished by dpkg --configure -a', async () => {
    const { login, machine } = await bench(fastSite(), [CURL, { ...BIND, postinst: { fail: 2 } }]);
    const { code, stderr } = await login.run(UPGRADE);
    expect(code).toBe(100);
    expect(stderr).toBe(
      'dpkg: error processing package bind9 (--configure):\n' +
        ' installed bind9 package post-installation script subprocess returned error exit status 1\n' +
        'Errors were encountered while processing:\n bind9\n' +
        'E: Sub-process /usr/bin/dpkg returned an error code (1)\n',
    );
    expect((await login.run('dpkg -s bind9')).stdout).toContain('Status: install ok half-configured\n');
    expect((await login.run('dpkg --audit')).stdout).toContain('only half configured');
    const second = await login.run(UPGRADE);
    expect([second.code, second.stdout.includes('1 not fully installed or removed.\n')]).toEqual([100, true]);
    expect((await login.run('dpkg --configure -a')).code).toBe(0);
    expect((await login.run('dpkg --audit')).stdout).toBe('');
    expect((await login.run(UPGRADE)).code).toBe(0);
    expect(machine.installedPackages.find((item) => item.name === 'bind9')?.installed).toBe('1:9.20.15-1');
  });

  it('stops what depends on it', async () => {
    const { login, machine } = await bench(fastSite(), [{ ...KERNEL, postinst: { fail: true } }, META]);
    const { stderr } = await login.run(UPGRADE);
    expect(stderr).toContain('dependency problems - leaving unconfigured');
    expect(machine.installedKernels).toEqual(['6.14.8-2-pve']);
  });
});

describe('an upgrade that dies in the middle', () => {
  const INTERRUPTED = "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. \n";

  async function unpacking(line: string): Promise<Bench<ManualClock>> {
    const all = await bench(manualSite(), [BIND, CURL]);
    void all.login.run(line).catch(() => undefined);
    await advanceUntil(all.site.clock, () => all.machine.installedPackages[0]?.installed === BIND.candidate);
    return all;
  }

  async function repair({ site, login, machine }: Bench<ManualClock>): Promise<void> {
    expect(await login.run(UPGRADE)).toMatchObject({ code: 100, stderr: INTERRUPTED });
    const configured = login.run('dpkg --configure -a');
    await advanceUntil(site.clock, () => site.log.of('package.configured').length > 0);
    expect((await configured).code).toBe(0);
    const upgraded = login.run(UPGRADE);
    await advanceUntil(
      site.clock,
      () => machine.packages.length === 0 && site.log.of('package.configured').length === 2,
    );
    expect((await upgraded).code).toBe(0);
  }

  it('by kill -9 leaves dpkg interrupted until it is configured', async () => {
    const all = await unpacking(UPGRADE);
    const [start] = all.site.log.of('upgrade.start');
    await all.login.run(`kill -9 ${String(start?.detail['pid'])}`);
    expect((await all.site.event('upgrade.end')).detail['rc']).toBe(null);
    await repair(all);
  });

  it('by the end of its unit leaves dpkg interrupted', async () => {
    const all = await unpacking(`systemd-run --unit=upgrade ${UPGRADE.replace(/^\S+ /, '')}`);
    await all.login.run('systemctl stop upgrade');
    expect((await all.site.event('upgrade.end')).actor).toBe('unit:upgrade.service');
    await repair(all);
  });

  it('by a power cut leaves dpkg interrupted over the boot', async () => {
    const all = await unpacking(UPGRADE);
    all.machine.powerCut('test');
    all.machine.powerOn();
    await advanceUntil(all.site.clock, () => all.machine.power === 'on');
    await repair({ ...all, login: await all.site.connect(all.machine) });
  });

  it('goes on without its caller until it writes to the closed pipe', async () => {
    const { site, login } = await bench(manualSite(), [BIND, CURL]);
    const running = await login.open(UPGRADE);
    await until(() => running.output().includes('Get:1'));
    login.client.destroy();
    await advanceUntil(site.clock, () => site.log.of('upgrade.end').length === 1);
    expect(site.log.of('upgrade.end')[0]?.detail['rc']).toBe(null);
  });
});

describe('apt-get and dpkg otherwise', () => {
  it('remove kernels that are neither running, pinned nor among the two newest', async () => {
    const site = fastSite();
    close = () => site.close();
    const kernels = ['6.8.12-1-pve', '6.8.12-9-pve', '6.14.8-2-pve', '6.14.11-1-pve'];
    const machine = await site.machine({ packages: [], kernels, pin: '6.8.12-9-pve' });
    const { stdout } = await machine.exec('apt-get -y autoremove --purge');
    expect(stdout).toContain('The following packages will be REMOVED:\n  proxmox-kernel-6.8.12-1-pve-signed\n');
    expect(machine.installedKernels).toEqual(kernels.slice(1));
  });

  it('install a package by name, or say they do not know it', async () => {
    const { login, machine } = await bench(fastSite(), [CURL, BIND]);
    expect((await login.run('apt-get install -y curl')).stdout).toContain(
      '1 upgraded, 0 newly installed, 0 to remove and 1 not',
    );
    expect(machine.packages.map((item) => item.name)).toEqual(['bind9']);
    expect(await login.run('apt-get install -y nothing')).toMatchObject({
      code: 100,
      stderr: 'E: Unable to locate package nothing\n',
    });
    expect((await login.run('apt-get frobnicate')).code).toBe(100);
  });

  it('compare versions as Debian does', async () => {
    const { login } = await bench(fastSite(), []);
    const line = 'dpkg --compare-versions 9.0.10 gt 9.0.9 && dpkg --compare-versions 1.0~rc1 lt 1.0 && echo yes';
    expect((await login.run(line)).stdout).toBe('yes\n');
  });

  it('ask a Debian guest for a reboot by its file, a Proxmox node never', async () => {
    for (const [id, kind, code] of [
      ['qemu/210', 'debian', 0],
      ['node/pve1', 'proxmox', 1],
    ] as const) {
      const site = fastSite();
      close = () => site.close();
      const machine = await site.machine({ id, kind });
      expect((await machine.exec('cat /run/reboot-required')).code).toBe(1);
      await machine.exec('apt-get -y dist-upgrade');
      expect((await machine.exec('cat /var/run/reboot-required')).code).toBe(code);
      await close();
    }
  });
});
