import { afterEach, describe, expect, it } from 'vitest';
import type { GuestRef, ProxmoxClient, TaskResult } from '../../clients/proxmox/index.ts';
import { GiB, containerSpec, smallSite, vmSpec, type GuestSpec } from '../../lab/index.ts';
import { labActivities, type LabActivities } from '../helpers/lab-activities.ts';

let at: LabActivities;
afterEach(async () => {
  expect(at.lab.schemaViolations).toEqual([]);
  await at.close();
});

const vm: GuestRef = { type: 'qemu', vmid: 201, node: 'pve1' };
const container: GuestRef = { type: 'lxc', vmid: 101, node: 'pve1' };

async function ended(proxmox: ProxmoxClient, start: Promise<string>): Promise<TaskResult> {
  return proxmox.task(await start).follow();
}

const before = { name: 'before', description: 'before the update' };

/** Half a second after the task has begun, by the clock of the lab, its node goes down and comes back. */
function cutPowerDuring(type: string): void {
  const { lab } = at;
  const unsubscribe = lab.log.subscribe(({ action, detail }) => {
    if (action !== 'task.start' || detail['type'] !== type) return;
    unsubscribe();
    lab.clock.after(500, () => {
      lab.node('pve1').machine.powerCut('test');
      lab.node('pve1').machine.powerOn();
    });
  });
}

/** A second guest of each kind whose disks cannot be snapshotted. */
function siteWith(guest: GuestSpec) {
  const site = smallSite();
  return { ...site, guests: [...site.guests, guest], storages: [...site.storages, folder] };
}

const folder = {
  id: 'folder',
  type: 'dir',
  content: 'images,rootdir',
  shared: false,
  total: 100 * GiB,
  used: 0,
} as const;

describe.each([
  ['a virtual machine', vm, 'qm', 'curl/stable 8.14.1-2+deb13u1 amd64 [upgradable from: 8.14.1-2]'],
  ['a container', container, 'vz', 'curl/stable 8.14.1-2+deb13u1 amd64 [upgradable from: 8.14.1-2]'],
] as const)('a snapshot of %s', (_name, guest, worker, pending) => {
  it('is listed when its task has ended and gone when it is deleted', async () => {
    at = await labActivities(smallSite());
    const { proxmox } = at.deps;
    expect(await proxmox.snapshots(guest)).toEqual([]);
    const upid = await proxmox.createSnapshot(guest, before);
    expect(upid).toContain(`:${worker}snapshot:${guest.vmid}:`);
    expect(await proxmox.task(upid).follow()).toMatchObject({ status: 'ok' });
    expect(await proxmox.snapshots(guest)).toEqual([
      {
        ...before,
        takenAt: expect.any(Number) as number,
        parent: undefined,
        unfinished: undefined,
      },
    ]);
    const removal = await proxmox.deleteSnapshot(guest, 'before');
    expect(removal).toContain(`:${worker}delsnapshot:${guest.vmid}:`);
    expect(await proxmox.task(removal).follow()).toMatchObject({ status: 'ok' });
    expect(await proxmox.snapshots(guest)).toEqual([]);
  });

  it('brings back files and package versions, and the guest runs again', async () => {
    at = await labActivities(smallSite());
    const { proxmox } = at.deps;
    const { machine } = at.lab.guest(guest.vmid);
    await machine.exec('echo old >state');
    await ended(proxmox, proxmox.createSnapshot(guest, before));
    await machine.exec('echo new >state; apt-get -y dist-upgrade');
    expect((await machine.exec('apt list --upgradable')).stdout).toBe('Listing...\n');

    const result = await ended(proxmox, proxmox.rollbackSnapshot(guest, 'before', { start: true }));

    expect(result).toMatchObject({ status: 'ok' });
    await expect.poll(() => machine.power).toBe('on');
    expect((await machine.exec('cat state')).stdout).toBe('old\n');
    expect((await machine.exec('apt list --upgradable')).stdout).toContain(pending);
  });

  it('leaves a guest off that is rolled back without a start', async () => {
    at = await labActivities(smallSite());
    const { proxmox } = at.deps;
    await ended(proxmox, proxmox.createSnapshot(guest, before));
    await ended(proxmox, proxmox.rollbackSnapshot(guest, 'before', { start: false }));
    expect(at.lab.guest(guest.vmid).running).toBe(false);
  });

  it('is refused by its task: for a name that is used, that does not exist, and a guest that is locked', async () => {
    at = await labActivities(smallSite());
    const { proxmox } = at.deps;
    await ended(proxmox, proxmox.createSnapshot(guest, before));
    const failed = (exitstatus: string) => ({ status: 'failed', exitstatus });
    expect(await ended(proxmox, proxmox.createSnapshot(guest, before))).toMatchObject(
      failed("snapshot name 'before' already used"),
    );
    expect(await ended(proxmox, proxmox.deleteSnapshot(guest, 'other'))).toMatchObject(
      failed("snapshot 'other' does not exist"),
    );
    at.lab.guest(guest.vmid).lock = 'backup';
    const noun = guest.type === 'qemu' ? 'VM' : 'CT';
    expect(await ended(proxmox, proxmox.rollbackSnapshot(guest, 'before', { start: true }))).toMatchObject(
      failed(`${noun} is locked (backup)`),
    );
    expect(at.lab.guest(guest.vmid).running).toBe(true);
  });

  it('that died with its node stays behind unfinished, with its lock', async () => {
    at = await labActivities(smallSite({ qdevice: true }));
    const { proxmox } = at.deps;
    cutPowerDuring(`${worker}snapshot`);
    const upid = await proxmox.createSnapshot(guest, before);
    expect(await proxmox.task(upid).follow()).toMatchObject({ status: 'lost' });
    expect(await proxmox.snapshots(guest)).toMatchObject([{ name: 'before', unfinished: 'prepare' }]);
    expect(await proxmox.guestStatus(guest)).toMatchObject({ lock: 'snapshot' });
  });
});

it.each([
  ['a VM with a raw image in a folder', vmSpec(301, 'raw', 'pve1', { disks: [disk('scsi0')] })],
  ['a container with a raw image in a folder', containerSpec(301, 'raw', 'pve1', { disks: [disk('rootfs')] })],
  [
    'a container with a bind mount',
    containerSpec(301, 'media', 'pve1', { bindMounts: { mp0: '/srv/media,mp=/media' } }),
  ],
] as const)('%s has no snapshots', async (_name, spec) => {
  at = await labActivities(siteWith(spec));
  const { proxmox } = at.deps;
  const guest: GuestRef = { type: spec.kind, vmid: 301, node: 'pve1' };
  expect(await ended(proxmox, proxmox.createSnapshot(guest, before))).toMatchObject({
    status: 'failed',
    exitstatus: 'snapshot feature is not available',
  });
  expect(await proxmox.snapshots(guest)).toEqual([]);
});

function disk(key: string) {
  return { key, storage: 'folder', size: 8 * GiB };
}

it('an earlier snapshot on ZFS cannot be rolled back to while there is a later one', async () => {
  at = await labActivities(smallSite());
  const { proxmox } = at.deps;
  await ended(proxmox, proxmox.createSnapshot(vm, before));
  await ended(proxmox, proxmox.createSnapshot(vm, { name: 'later', description: '' }));
  expect((await proxmox.snapshots(vm)).find(({ name }) => name === 'later')?.parent).toBe('before');
  expect(await ended(proxmox, proxmox.rollbackSnapshot(vm, 'before', { start: true }))).toMatchObject({
    exitstatus: "can't rollback, 'before' is not most recent snapshot on 'local-zfs:vm-201-disk-0'",
  });
});

it('a VM with a snapshot does not move live to where its disk is not replicated', async () => {
  at = await labActivities(smallSite({ overrides: { replication: [] } }));
  const { proxmox } = at.deps;
  await ended(proxmox, proxmox.createSnapshot(vm, before));
  const moved = await ended(proxmox, proxmox.migrateGuest(vm, { target: 'pve2', online: true, withLocalDisks: true }));
  expect(moved.log).toContain('online storage migration not possible if non-replicated snapshot exists');
  expect(moved.status).toBe('failed');
});

describe('the backups of a guest', () => {
  const hour = 3_600_000;
  const site = smallSite({
    overrides: {
      backups: [
        { vmid: 201, storage: 'pbs', agoMs: 24 * hour, verification: 'ok' },
        { vmid: 101, storage: 'pbs', agoMs: 24 * hour },
      ],
    },
  });

  it('are those on the storage that are its own, and a new one is among them', async () => {
    at = await labActivities(site);
    const { proxmox } = at.deps;
    const [old, ...none] = await proxmox.backupVolumes('pve1', 'pbs', 201);
    expect(none).toEqual([]);
    expect(old).toMatchObject({ storage: 'pbs', verification: 'ok', size: GiB });
    expect(old?.volume).toMatch(/^pbs:backup\/vm\/201\/\d{4}-/);
    const { cluster } = at.lab;
    await cluster.backupTask(cluster.node('pve1'), [at.lab.guest(201)], 'root@pam').done;
    expect(await proxmox.backupVolumes('pve1', 'pbs', 201)).toHaveLength(2);
  });

  it('are kept from a token that may not back the guest up', async () => {
    at = await labActivities(site, { withoutPrivileges: ['VM.Backup'] });
    expect(await at.deps.proxmox.backupVolumes('pve1', 'pbs', 201)).toEqual([]);
  });
});
