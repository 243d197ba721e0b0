import type { RawCalls } from './failover.ts';
import { guestPath } from './guests.ts';
import type { GuestRef, Snapshot } from './types.ts';
import { count, list, optionalText, text } from './wire.ts';

/**
 * Snapshots of one guest. All that is wrong with a name, a storage or a lock is said by the task, not by the call that
 * starts it.
 */
export interface SnapshotCalls {
  /** `GET /nodes/{node}/{type}/{vmid}/snapshot`, without the entry `current`, which is the guest as it is now. */
  snapshots(guest: GuestRef): Promise<readonly Snapshot[]>;
  /** `POST …/snapshot` of the disks alone; returns the UPID (`qmsnapshot`, `vzsnapshot`). */
  createSnapshot(guest: GuestRef, options: { readonly name: string; readonly description: string }): Promise<string>;
  /** `PUT …/snapshot/{name}/config` */
  describeSnapshot(guest: GuestRef, name: string, description: string): Promise<void>;
  /** `DELETE …/snapshot/{name}`; returns the UPID (`qmdelsnapshot`, `vzdelsnapshot`). */
  deleteSnapshot(guest: GuestRef, name: string): Promise<string>;
  /**
   * `POST …/snapshot/{name}/rollback`: cuts the power of a guest that runs; returns the UPID (`qmrollback`,
   * `vzrollback`). With `start` (since 7.3) it runs afterwards, by a task of its own.
   */
  rollbackSnapshot(guest: GuestRef, name: string, options: { readonly start: boolean }): Promise<string>;
}

export function createSnapshotCalls(calls: RawCalls): SnapshotCalls {
  const one = (guest: GuestRef, name: string): string => `${guestPath(guest)}/snapshot/${encodeURIComponent(name)}`;
  return {
    snapshots: (guest) => calls.read(`${guestPath(guest)}/snapshot`, readSnapshots),
    createSnapshot: (guest, { name, description }) =>
      calls.start(`${guestPath(guest)}/snapshot`, {
        snapname: name,
        description,
        // Containers have no memory to save and do not know the parameter.
        ...(guest.type === 'qemu' ? { vmstate: false } : {}),
      }),
    describeSnapshot: async (guest, name, description) => {
      await calls.put(`${one(guest, name)}/config`, { description });
    },
    deleteSnapshot: (guest, name) => calls.startDelete(one(guest, name)),
    rollbackSnapshot: (guest, name, { start }) => calls.start(`${one(guest, name)}/rollback`, { start }),
  };
}

function readSnapshots(data: unknown): readonly Snapshot[] {
  return list(data, 'snapshot list')
    .filter((entry) => entry['name'] !== 'current')
    .map((entry) => ({
      name: text(entry['name']),
      description: optionalText(entry['description']) ?? '',
      // 0 where the configuration does not say.
      takenAt: count(entry['snaptime']) || undefined,
      parent: optionalText(entry['parent']),
      unfinished: optionalText(entry['snapstate']),
    }));
}
