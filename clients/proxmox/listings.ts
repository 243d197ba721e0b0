import type { TaskListing } from './types.ts';
import { parseUpid } from './upid.ts';
import { count, list, optionalText } from './wire.ts';

/** Entries of a task list; those without a valid UPID are left out. */
export function taskListings(data: unknown): TaskListing[] {
  return list(data, 'task list').flatMap((raw) => {
    const upid = parseUpid(optionalText(raw['upid']) ?? '');
    if (upid === undefined) return [];
    const status = optionalText(raw['status']);
    const endTime = count(raw['endtime']);
    const running = endTime === undefined && (status === undefined || status === 'RUNNING');
    const { node, type, id, user, startTime } = upid;
    return [
      { upid: upid.upid, node, type, id, user, startTime, endTime, status: running ? undefined : status, running },
    ];
  });
}
