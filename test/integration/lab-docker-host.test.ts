import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallSite } from '../../lab/index.ts';
import { labActivities, type LabActivities } from '../helpers/lab-activities.ts';

let at: LabActivities;
const vmid = 201;
const fails = { package: 'app', version: '2' } as const;

beforeEach(async () => {
  const site = smallSite();
  at = await labActivities({
    ...site,
    guests: site.guests.map((guest) =>
      guest.vmid !== vmid
        ? guest
        : {
            ...guest,
            packages: [
              { name: 'app', installed: '1', candidate: '2', rebootRequired: true },
              { name: 'libc6', installed: '2.41-12', candidate: '2.41-12' },
            ],
            containers: [
              { name: 'web', healthCheck: true },
              { name: 'once', restart: 'no' as const },
              { name: 'broken', fails: { ...fails, as: 'exited' as const } },
              { name: 'ailing', healthCheck: true, fails: { ...fails, as: 'unhealthy' as const } },
            ],
          },
    ),
  });
});
afterEach(() => at.close());

async function run(line: string) {
  return at.lab.guest(vmid).machine.exec(line);
}

async function reboot(): Promise<void> {
  const { machine } = at.lab.guest(vmid);
  await machine.shutdown({ reboot: true, actor: 'test' });
  await expect.poll(() => machine.power).toBe('on');
}

const health = async (name: string) =>
  (await run(`docker inspect --format '{{.State.Status}}{{if .State.Health}} {{.State.Health.Status}}{{end}}' ${name}`))
    .stdout;

describe('a Docker host of the lab', () => {
  it('tells of its containers as docker does', async () => {
    expect((await run(`docker ps --format '{{.Names}}'`)).stdout).toBe('web\nonce\nbroken\nailing\n');
    await expect.poll(() => health('web')).toBe('running healthy\n');
    expect(await health('once')).toBe('running\n');
    expect((await run(`docker ps --format '{{.Names}}\t{{.Status}}'`)).stdout).toMatch(
      /^web\tUp \d+ seconds \(healthy\)$/m,
    );
    expect(await run('docker inspect none')).toMatchObject({
      code: 1,
      stderr: 'Error response from daemon: No such container: none\n',
    });
  });

  it('starts after a boot what the restart policies say', async () => {
    await run('docker stop web');
    await reboot();
    expect((await run(`docker ps --format '{{.Names}}'`)).stdout).toBe('broken\nailing\n');
    expect((await run(`docker ps -a --format '{{.Names}} {{.State}}'`)).stdout).toContain('web exited\nonce exited\n');
  });

  it('loses a container, and the health of another, to a new version, and gets both back with the old one', async () => {
    const { proxmox } = at.deps;
    const guest = { type: 'qemu', vmid, node: 'pve1' } as const;
    await proxmox.task(await proxmox.createSnapshot(guest, { name: 'before', description: '' })).follow();
    await run('apt-get -y dist-upgrade');
    await reboot();
    await expect.poll(() => health('ailing')).toBe('running unhealthy\n');
    expect(await health('broken')).toBe('exited\n');
    await proxmox.task(await proxmox.rollbackSnapshot(guest, 'before', { start: true })).follow();
    await expect.poll(() => at.lab.guest(vmid).machine.power).toBe('on');
    await expect.poll(() => health('ailing')).toBe('running healthy\n');
    expect(await health('broken')).toBe('running\n');
  });

  it('asks for a reboot when a package does, until it is booted', async () => {
    expect((await run('cat /run/reboot-required')).code).toBe(1);
    await run('apt-get -y dist-upgrade');
    expect((await run('cat /run/reboot-required /run/reboot-required.pkgs')).stdout).toBe(
      '*** System restart required ***\napp\n',
    );
    await reboot();
    expect((await run('cat /run/reboot-required')).code).toBe(1);
  });
});
