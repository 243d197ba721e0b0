import { GiB } from '../site.ts';
import type { BackupSpec } from '../site.ts';
import type { Cluster } from './cluster.ts';
import type { Guest } from './guests.ts';

/** One backup on a storage. */
export interface Backup {
  readonly guest: Guest;
  readonly storage: string;
  /** Virtual milliseconds at which it began. */
  readonly takenAt: number;
  /** Bytes; undefined while, or because, it was not finished: a Proxmox Backup Server lists it all the same. */
  readonly size: number | undefined;
  readonly verification?: 'ok' | 'failed';
}

export function backupOf(cluster: Cluster, spec: BackupSpec): Backup {
  const guest = cluster.guests.get(spec.vmid);
  if (!guest) throw new Error(`backups: no guest ${spec.vmid} in this site`);
  const { storage, agoMs, unfinished = false, verification } = spec;
  return {
    guest,
    storage,
    takenAt: cluster.clock.now() - agoMs,
    size: unfinished ? undefined : GiB,
    ...(verification === undefined ? {} : { verification }),
  };
}

/** The storage that a backup goes to unless one is named. */
export function backupStorage(cluster: Cluster): string {
  return cluster.site.storages.find(({ content }) => content.split(',').includes('backup'))?.id ?? 'local';
}

/** An entry of `GET /nodes/{node}/storage/{storage}/content` */
export function backupEntry(cluster: Cluster, backup: Backup): Record<string, unknown> {
  const { guest, storage, takenAt, size, verification } = backup;
  const at = new Date(takenAt).toISOString();
  const pbs = cluster.site.storages.some((spec) => spec.id === storage && spec.type === 'pbs');
  const type = guest.spec.kind === 'lxc' ? 'ct' : 'vm';
  const file = `vzdump-${guest.spec.kind}-${guest.vmid}-${at.slice(0, 10).replaceAll('-', '_')}-${at.slice(11, 19).replaceAll(':', '_')}`;
  return {
    volid: pbs
      ? `${storage}:backup/${type}/${guest.vmid}/${at.slice(0, 19)}Z`
      : `${storage}:backup/${file}.${type === 'ct' ? 'tar.zst' : 'vma.zst'}`,
    content: 'backup',
    format: pbs ? `pbs-${type}` : type === 'ct' ? 'tar.zst' : 'vma.zst',
    subtype: guest.spec.kind,
    vmid: guest.vmid,
    ctime: Math.floor(takenAt / 1000),
    // What has no size yet is shown with one of 1.
    size: size ?? 1,
    ...(verification === undefined
      ? {}
      : { verification: { state: verification, upid: 'UPID:pbs:00000001:00000001:00000001:verify:x:root@pam:' } }),
  };
}
