import { afterEach, expect, it } from 'vitest';
import type { LastBackup } from '../../domain/backup.ts';
import { smallSite, type BackupSpec } from '../../lab/index.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { labActivities, type LabActivities } from '../helpers/lab-activities.ts';

let at: LabActivities;
afterEach(async () => {
  expect(at.lab.schemaViolations).toEqual([]);
  await at.close();
});

const hour = 3_600_000;
const yesterday: BackupSpec = { vmid: 201, storage: 'pbs', agoMs: 24 * hour };

async function openWith(backups: readonly BackupSpec[], withoutPrivileges: readonly 'VM.Backup'[] = []) {
  at = await labActivities(smallSite({ overrides: { backups } }), { withoutPrivileges });
}

function lastBackup(vmid = 201): Promise<LastBackup | null> {
  return activityEnvironment().run(at.activities.readLastBackup, { vmid });
}

async function backUp(vmids: readonly number[], failure?: string): Promise<void> {
  const { cluster, faults } = at.lab;
  if (failure !== undefined) {
    faults.once((point) =>
      point.at === 'task' && point.type === 'vzdump' ? { do: 'error', reason: failure } : undefined,
    );
  }
  const guests = vmids.map((vmid) => at.lab.guest(vmid));
  await cluster.backupTask(cluster.node('pve1'), guests, 'root@pam').done;
}

const age = (backup: LastBackup | null) => Math.round((at.lab.clock.now() - Date.parse(backup?.endedAt ?? '')) / hour);

it('is unknown where no backup was ever made', async () => {
  await openWith([{ ...yesterday, vmid: 101 }]);
  expect(await lastBackup()).toBeNull();
});

it('is the newest one on the storages, if no task is left of it', async () => {
  await openWith([yesterday, { ...yesterday, agoMs: 48 * hour }]);
  const backup = await lastBackup();
  expect(backup).toMatchObject({ ok: true, why: null });
  expect(age(backup)).toBe(24);
});

it('is what its own task says', async () => {
  await openWith([yesterday]);
  await backUp([201]);
  const backup = await lastBackup();
  expect(backup).toMatchObject({ ok: true, why: null });
  expect(age(backup)).toBe(0);
});

it('has failed if its own task has, though an older one is there', async () => {
  await openWith([yesterday]);
  await backUp([201], 'job errors');
  expect(await lastBackup()).toMatchObject({ ok: false, why: 'vzdump on pve1 ended with "job errors"' });
});

it('is the one that a job over several guests made, whose task names none of them', async () => {
  await openWith([yesterday]);
  await backUp([201], 'job errors');
  await backUp([101, 201]);
  const backup = await lastBackup();
  expect(backup).toMatchObject({ ok: true, why: null });
  expect(age(backup)).toBe(0);
});

it('is none that was broken off, though the backup server shows it', async () => {
  await openWith([yesterday, { ...yesterday, agoMs: hour, unfinished: true }]);
  expect(age(await lastBackup())).toBe(24);
});

it('is none to rely on when the backup server has found it damaged', async () => {
  await openWith([{ ...yesterday, verification: 'failed' }]);
  const backup = await lastBackup();
  expect(backup?.ok).toBe(false);
  expect(backup?.why).toMatch(/^the verification of pbs:backup\/vm\/201\/\S+ failed$/);
});

it('is unknown to a token that may not see backups, and never taken for good', async () => {
  await openWith([yesterday], ['VM.Backup']);
  expect(await lastBackup()).toBeNull();
});
