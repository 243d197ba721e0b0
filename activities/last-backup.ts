import type { BackupVolume, TaskListing } from '../clients/proxmox/index.ts';
import type { LastBackup } from '../domain/backup.ts';
import type { ActivityDeps } from './deps.ts';
import { locate } from './guest-place.ts';
import { mapLimited } from './map-limited.ts';

export function createLastBackupActivities(deps: ActivityDeps) {
  return {
    /**
     * What the newest evidence says of the guest's last backup; null if there is none. Evidence are the ended `vzdump` tasks
     * of the nodes that are up (`GET /nodes/{node}/tasks`) and the backups on the storages that its node has at hand
     * (`GET /nodes/{node}/storage/{storage}/content`). The task of a job over several guests names none of them: what
     * such a job made is known by the backup, and what it failed to make is not known at all, so look at the age as well.
     */
    async readLastBackup({ vmid }: { vmid: number }): Promise<LastBackup | null> {
      const [task, volume] = await Promise.all([lastTask(deps, vmid), lastVolume(deps, vmid)]);
      if (volume?.takenAt !== undefined && (task?.endTime ?? 0) < volume.takenAt) return told(volume);
      if (task?.endTime === undefined) return null;
      if (!isGood(task)) {
        const why = `vzdump on ${task.node} ended with "${task.status ?? 'unexpected status'}"`;
        return { endedAt: isoOf(task.endTime), ok: false, why };
      }
      const isItsOwn = volume?.takenAt !== undefined && volume.takenAt >= task.startTime;
      return { endedAt: isoOf(task.endTime), ...(isItsOwn ? verdict(volume) : { ok: true, why: null }) };
    },
  };
}

async function lastTask({ proxmox }: ActivityDeps, vmid: number): Promise<TaskListing | undefined> {
  const { nodes } = await proxmox.clusterStatus();
  const online = nodes.filter((node) => node.online);
  const lists = await mapLimited(online, 4, ({ name }) => proxmox.tasks(name, { type: 'vzdump', vmid }));
  return newest(
    lists.flat().filter((task) => task.type === 'vzdump' && task.id === String(vmid) && !task.running),
    ({ endTime }) => endTime,
  );
}

async function lastVolume(deps: ActivityDeps, vmid: number): Promise<BackupVolume | undefined> {
  const { proxmox } = deps;
  const { node } = await locate(deps, vmid, 'guest');
  const storages = (await proxmox.storages(node)).filter(
    ({ enabled, active, content }) => enabled && active && content.includes('backup'),
  );
  const lists = await mapLimited(storages, 4, ({ storage }) => proxmox.backupVolumes(node, storage, vmid));
  return newest(lists.flat().filter(isWhole), ({ takenAt }) => takenAt);
}

/** A Proxmox Backup Server lists what was not finished as well; Proxmox VE shows it with a size of 1. */
function isWhole({ size = 0 }: BackupVolume): boolean {
  return size > 1;
}

function newest<T>(items: readonly T[], timeOf: (item: T) => number | undefined): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || (timeOf(item) ?? 0) > (timeOf(best) ?? 0) ? item : best),
    undefined,
  );
}

function isGood({ status = '' }: TaskListing): boolean {
  return status === 'OK' || /^WARNINGS: \d+$/.test(status);
}

function told(volume: BackupVolume): LastBackup {
  return { endedAt: isoOf(volume.takenAt ?? 0), ...verdict(volume) };
}

function verdict({ volume, verification }: BackupVolume): Pick<LastBackup, 'ok' | 'why'> {
  if (verification !== 'failed') return { ok: true, why: null };
  return { ok: false, why: `the verification of ${volume} failed` };
}

function isoOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
