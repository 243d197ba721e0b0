import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createRemoteJobs, parseAptProgress, parseUpgradedPackages } from '../../clients/remote-job/index.ts';
import { createSshClient, type SshClient } from '../../clients/ssh/index.ts';
import type { Machine } from '../../lab/core/machine.ts';
import { ensureSshClientKey } from '../../lab/machine/index.ts';
import { fastSite } from './lab-machine-site.ts';

type Site = ReturnType<typeof fastSite>;

let site: Site | undefined;

afterEach(async () => {
  await site?.close();
  site = undefined;
});

function login(at: Site, machine: Machine): SshClient {
  return createSshClient({
    host: machine.ssh.host,
    port: machine.ssh.port,
    username: 'root',
    privateKey: async () => await readFile((await ensureSshClientKey(at.directory)).privateKeyFile, 'utf8'),
    hostKey: { fingerprint: machine.ssh.fingerprint },
  });
}

const upgrade = {
  id: 'upgrade-pve1',
  command:
    'export DEBIAN_FRONTEND=noninteractive; apt-get update && apt-get -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold dist-upgrade',
  timeoutSeconds: 3_600,
  description: 'upgrade',
};

describe('a remote job on a machine of the lab', () => {
  it.each([
    ['with systemd', 'proxmox', true],
    ['without systemd', 'container', false],
  ] as const)('upgrades once and tells its progress %s', async (_name, kind, systemd) => {
    site = fastSite();
    const machine = await site.machine({ kind, systemd });
    const jobs = createRemoteJobs(login(site, machine), { stateDirectory: '~/jobs' });
    expect(await jobs.ensureStarted(upgrade)).toBe('started');
    let log = '';
    const end = await jobs.follow({ id: upgrade.id, pollMs: 20, onChunk: (chunk) => void (log += chunk) });
    expect({ ...end, log }).toMatchObject({ state: 'finished', exitCode: 0, bootId: machine.bootId });
    const progress = parseAptProgress(log);
    expect(progress.total).toBeGreaterThan(0);
    expect(progress.done).toBe(progress.total);
    expect(parseUpgradedPackages(log)).toHaveLength(progress.total);
    expect(await jobs.ensureStarted(upgrade)).toBe('finished');
  });

  it('is lost when the power is cut, and told apart after the boot', async () => {
    site = fastSite();
    const machine = await site.machine({ bootMs: 10 });
    const ssh = login(site, machine);
    const jobs = createRemoteJobs(ssh, { stateDirectory: '~/jobs' });
    await jobs.ensureStarted({ ...upgrade, command: 'echo begun; while :; do :; done' });
    await jobs
      .follow({ id: upgrade.id, pollMs: 5, onChunk: (log) => log !== '' && machine.powerCut('test') })
      .catch(() => undefined);
    const isOn = new Promise<void>((resolve) => machine.onPower((power) => power === 'on' && resolve()));
    machine.powerOn();
    await isOn;
    const after = await jobs.read({ id: upgrade.id });
    expect(after).toMatchObject({ state: 'lost-to-reboot', log: 'begun\n', bootId: machine.bootId });
  });
});
