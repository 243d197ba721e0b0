import { ApplicationFailure } from '@temporalio/activity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultPoint, FaultVerdict } from '../../lab/index.ts';
import { GiB, containerSpec, smallSite, vmSpec } from '../../lab/index.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { labActivities, type LabActivities } from '../helpers/lab-activities.ts';

const site = smallSite({ qdevice: true });
const folder = { id: 'folder', type: 'dir', content: 'images,rootdir', shared: false, total: GiB, used: 0 } as const;

let at: LabActivities;
beforeEach(async () => {
  at = await labActivities({
    ...site,
    storages: [...site.storages, folder],
    guests: [
      ...site.guests,
      vmSpec(301, 'raw', 'pve1', { disks: [{ key: 'scsi0', storage: 'folder', size: GiB }] }),
      containerSpec(302, 'media', 'pve1', { bindMounts: { mp0: '/srv/media,mp=/media' } }),
    ],
  });
});
afterEach(async () => {
  expect(at.lab.schemaViolations).toEqual([]);
  await at.close();
});

const within = '1 minute' as const;

function ensureSnapshot(vmid: number, name = 'before') {
  return activityEnvironment().run(at.activities.ensureSnapshot, {
    vmid,
    name,
    description: 'before the update',
    within,
  });
}

/** Another id is another activity; the same one is a later attempt of the same. */
function rollBack(vmid: number, activityId = 'first') {
  return activityEnvironment({ activityId }).run(at.activities.rollBack, { vmid, name: 'before', within });
}

function removeSnapshot(vmid: number) {
  return activityEnvironment().run(at.activities.removeSnapshot, { vmid, name: 'before', within });
}

/** Types of the tasks about a guest that were started, with how they ended. */
function tasksOf(vmid: number): string[] {
  return at.lab.cluster.tasks.all
    .filter((task) => task.id === String(vmid) && task.user !== 'root@pam')
    .map(({ type, exitStatus }) => `${type} ${exitStatus ?? 'runs'}`);
}

async function failureOf(run: Promise<unknown>): Promise<ApplicationFailure> {
  const error: unknown = await run.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ApplicationFailure);
  return error as ApplicationFailure;
}

function afterThe(method: string, path: RegExp): (point: FaultPoint) => FaultVerdict | undefined {
  return (point) =>
    point.at === 'api' && point.phase === 'after' && point.method === method && path.test(point.path)
      ? { do: 'drop' }
      : undefined;
}

describe('taking a snapshot', () => {
  it.each([201, 101])('of guest %i takes one, however often it is asked for', async (vmid) => {
    await ensureSnapshot(vmid);
    await ensureSnapshot(vmid);
    expect(tasksOf(vmid)).toEqual([vmid === 201 ? 'qmsnapshot OK' : 'vzsnapshot OK']);
  });

  it('takes one only when the answer to the call is lost', async () => {
    at.lab.faults.once(afterThe('POST', /\/snapshot$/));
    await ensureSnapshot(201);
    expect(tasksOf(201)).toEqual(['qmsnapshot OK']);
  });

  it('takes no fourth beside three that earlier runs have left, and names them', async () => {
    for (const name of ['caretaker-1', 'caretaker-2', 'caretaker-3']) await ensureSnapshot(201, name);
    const error = await failureOf(ensureSnapshot(201, 'caretaker-4'));
    expect(error).toMatchObject({ type: 'SnapshotFailed' });
    expect(error.message).toContain('it has 3 snapshots of earlier runs (caretaker-1, caretaker-2, caretaker-3)');
    expect(tasksOf(201)).toHaveLength(3);
    await ensureSnapshot(201, 'caretaker-3');
  });

  it('waits for the backup that holds the guest', async () => {
    const { cluster } = at.lab;
    const backup = cluster.backupTask(cluster.node('pve1'), [at.lab.guest(201)], 'root@pam');
    await ensureSnapshot(201);
    expect(backup.exitStatus).toBe('OK');
    expect(tasksOf(201)).toEqual(['qmsnapshot OK']);
  });

  it('finds the guest where it has moved to', async () => {
    at.lab.guest(201).node = 'pve2';
    await ensureSnapshot(201);
    expect(at.lab.cluster.tasks.of('pve2').map(({ type }) => type)).toContain('qmsnapshot');
  });

  it.each([301, 302])('fails with what to do where guest %i has volumes without snapshots', async (vmid) => {
    const error = await failureOf(ensureSnapshot(vmid));
    expect(error).toMatchObject({ type: 'SnapshotFailed', nonRetryable: true });
    expect(error.message).toBe(
      `Guest ${vmid}: the snapshot ended with "snapshot feature is not available" ` +
        '(TASK ERROR: snapshot feature is not available). ' +
        'All its volumes must lie on storages with snapshots (ZFS, LVM-thin, qcow2); bind mounts have none.',
    );
  });

  it('does not take one that was broken off for whole, and says how to get rid of it', async () => {
    const guest = at.lab.guest(201);
    guest.lock = 'snapshot';
    guest.snapshots.set('before', {
      ...{ name: 'before', description: '', takenAt: 0, parent: undefined, disks: undefined },
      state: 'prepare',
    });
    const error = await failureOf(ensureSnapshot(201));
    expect(error.type).toBe('SnapshotFailed');
    expect(error.message).toContain('On pve1: qm unlock 201; qm delsnapshot 201 before --force 1.');
  });

  it('fails at once without the privilege, which it names', async () => {
    await at.close();
    at = await labActivities(site, { withoutPrivileges: ['VM.Snapshot'] });
    const error = await failureOf(ensureSnapshot(201));
    expect(error).toMatchObject({ type: 'SnapshotFailed', nonRetryable: true });
    expect(error.message).toContain('Permission check failed (/vms/201, VM.Snapshot)');
  });
});

describe('rolling a guest back', () => {
  const upgraded = async (vmid: number) => {
    await ensureSnapshot(vmid);
    await upgrade(vmid);
  };
  const upgrade = async (vmid: number) => {
    await expect.poll(() => at.lab.guest(vmid).machine.power).toBe('on');
    expect((await at.lab.guest(vmid).machine.exec('apt-get -y dist-upgrade')).code).toBe(0);
    expect(isOld(vmid)).toBe(false);
  };
  const isOld = (vmid: number) => at.lab.guest(vmid).machine.packages.some(({ name }) => name === 'curl');

  it.each([201, 101])('ends when guest %i runs again, with the packages from before', async (vmid) => {
    await upgraded(vmid);
    await rollBack(vmid);
    expect(at.lab.guest(vmid).running).toBe(true);
    expect(isOld(vmid)).toBe(true);
  });

  it('is not done a second time by a later attempt', async () => {
    await upgraded(201);
    await rollBack(201);
    await rollBack(201);
    expect(tasksOf(201).filter((task) => task.startsWith('qmrollback'))).toEqual(['qmrollback OK']);
  });

  it('is done again when the run wants it again', async () => {
    await upgraded(201);
    await rollBack(201, 'first');
    await upgrade(201);
    await rollBack(201, 'second');
    expect(isOld(201)).toBe(true);
    expect(tasksOf(201).filter((task) => task.startsWith('qmrollback'))).toEqual(['qmrollback OK', 'qmrollback OK']);
  });

  it.each([
    ['the answer to the call', 'POST', /\/rollback$/],
    ['the answer to its mark', 'PUT', /\/snapshot\/before\/config$/],
  ] as const)('is done once when %s is lost', async (_, method, path) => {
    await upgraded(201);
    at.lab.faults.once(afterThe(method, path));
    await rollBack(201);
    expect(tasksOf(201).filter((task) => task.startsWith('qmrollback'))).toEqual(['qmrollback OK']);
    expect(isOld(201)).toBe(true);
  });

  it('starts the guest that did not start after it', async () => {
    await upgraded(201);
    at.lab.faults.once((point) =>
      point.at === 'task' && point.type === 'qmstart' ? { do: 'error', reason: 'start failed' } : undefined,
    );
    await rollBack(201);
    expect(tasksOf(201)).toEqual(['qmsnapshot OK', 'qmrollback OK', 'qmstart start failed', 'qmstart OK']);
  });

  it('tries again what another task kept from its beginning', async () => {
    await upgraded(201);
    at.lab.faults.once((point) =>
      point.at === 'task' && point.type === 'qmrollback'
        ? { do: 'error', reason: "can't lock file '/var/lock/pve-manager/pve-migrate-201' - got timeout" }
        : undefined,
    );
    await rollBack(201);
    expect(isOld(201)).toBe(true);
  });

  it('fails with the words of the node when there is a later snapshot', async () => {
    await upgraded(201);
    await ensureSnapshot(201, 'later');
    const error = await failureOf(rollBack(201));
    expect(error).toMatchObject({ type: 'RollbackFailed', nonRetryable: true });
    expect(error.message).toContain(
      `can't rollback, 'before' is not most recent snapshot on 'local-zfs:vm-201-disk-0'`,
    );
    expect(at.lab.guest(201).running).toBe(true);
  });

  it('starts the guest again that a failed rollback has left off, and then fails', async () => {
    await upgraded(201);
    at.lab.faults.once((point) => {
      if (point.at !== 'task' || point.type !== 'qmrollback') return undefined;
      at.lab.guest(201).machine.powerCut('stopped for its rollback');
      return {
        do: 'error',
        reason: "unable to open file '/etc/pve/nodes/pve1/qemu-server/201.conf.tmp.1093' - Input/output error",
      };
    });
    const error = await failureOf(rollBack(201));
    expect(error).toMatchObject({ type: 'RollbackFailed', nonRetryable: true });
    expect(error.message).toContain('Input/output error');
    expect(error.message).toContain('It runs, and was not taken back.');
    expect(at.lab.guest(201).running).toBe(true);
    expect(tasksOf(201).slice(1)).toEqual([expect.stringContaining('qmrollback unable') as string, 'qmstart OK']);
  });

  it('goes on to start that guest when its first start fails as well', async () => {
    await upgraded(201);
    at.lab.faults.add((point) => {
      if (point.at !== 'task' || point.type !== 'qmrollback') return undefined;
      at.lab.guest(201).machine.powerCut('stopped for its rollback');
      return { do: 'error', reason: 'Input/output error' };
    });
    at.lab.faults.once((point) =>
      point.at === 'task' && point.type === 'qmstart' ? { do: 'error', reason: 'start failed' } : undefined,
    );
    expect((await failureOf(rollBack(201))).message).toContain('Input/output error');
    expect(tasksOf(201).slice(1)).toEqual(['qmrollback Input/output error', 'qmstart start failed', 'qmstart OK']);
  });

  it.each([
    [201, 'qm'],
    [101, 'pct'],
  ])('says what to do with guest %i, which Proxmox has left off and locked', async (vmid, tool) => {
    await upgraded(vmid);
    const disks = at.lab.guest(vmid).snapshots.get('before')?.disks;
    if (disks) disks.restore = () => Promise.reject(new Error('zfs error: cannot rollback: dataset is busy'));
    const error = await failureOf(rollBack(vmid));
    expect(error).toMatchObject({ type: 'RollbackFailed', nonRetryable: true });
    expect(error.message).toBe(
      `Guest ${vmid}: the rollback ended with "zfs error: cannot rollback: dataset is busy" ` +
        '(TASK ERROR: zfs error: cannot rollback: dataset is busy), and it is off and locked (rollback). ' +
        `On pve1: ${tool} unlock ${vmid}; ${tool} rollback ${vmid} before --start 1.`,
    );
    const again = await failureOf(rollBack(vmid));
    expect(again.message).toContain(`Guest ${vmid}: a rollback was broken off, and it is off and locked (rollback).`);
  });

  it('fails when there is no such snapshot', async () => {
    const error = await failureOf(rollBack(201));
    expect(error).toMatchObject({
      type: 'RollbackFailed',
      message: expect.stringContaining('no snapshot before') as string,
    });
  });
});

describe('removing a snapshot', () => {
  it('removes it, and is content when it is gone', async () => {
    await ensureSnapshot(201);
    await removeSnapshot(201);
    await removeSnapshot(201);
    expect(tasksOf(201)).toEqual(['qmsnapshot OK', 'qmdelsnapshot OK']);
  });

  it('removes it once when the answer to the call is lost', async () => {
    await ensureSnapshot(201);
    at.lab.faults.once(afterThe('DELETE', /\/snapshot\/before$/));
    await removeSnapshot(201);
    expect(tasksOf(201)).toEqual(['qmsnapshot OK', 'qmdelsnapshot OK']);
  });

  it('waits for one that is about to be taken, and removes it', async () => {
    at.lab.faults.once((point) =>
      point.at === 'task' && point.type === 'qmsnapshot' ? { do: 'delay', ms: 60_000 } : undefined,
    );
    const { proxmox } = at.deps;
    const guest = { type: 'qemu', vmid: 201, node: 'pve1' } as const;
    await proxmox.createSnapshot(guest, { name: 'before', description: '' });
    await removeSnapshot(201);
    expect(tasksOf(201)).toEqual(['qmsnapshot OK', 'qmdelsnapshot OK']);
    expect(await proxmox.snapshots(guest)).toEqual([]);
  });

  it('is content when the guest is gone', async () => {
    await removeSnapshot(999);
  });

  it('fails with the words of the node', async () => {
    await ensureSnapshot(201);
    at.lab.faults.once((point) =>
      point.at === 'task' && point.type === 'qmdelsnapshot'
        ? { do: 'error', reason: 'zfs error: cannot destroy snapshot: dataset is busy' }
        : undefined,
    );
    const error = await failureOf(removeSnapshot(201));
    expect(error).toMatchObject({
      type: 'SnapshotFailed',
      message: expect.stringContaining('dataset is busy') as string,
    });
  });
});
