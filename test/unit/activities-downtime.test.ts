import { describe, expect, it } from 'vitest';
import type { TaskListing } from '../../clients/proxmox/index.ts';
import { activitiesOver, activityEnvironment, clientError, fakeDeps } from '../helpers/fake-deps.ts';

function listing(
  node: string,
  type: string,
  id: string,
  startTime: number,
  endTime: number,
  status = 'OK',
): TaskListing {
  const upid = `UPID:${node}:${type}:${id}:${startTime}`;
  return { upid, node, type, id, user: 'root@pam', startTime, endTime, status, running: false };
}

const LOG = [
  '2025-11-14 21:47:57 migration active, transferred 10.6 GiB of 12.6 GiB VM-state, 1.0 GiB/s',
  '2025-11-14 21:47:58 average migration speed: 806.6 MiB/s - downtime 59 ms',
  '2025-11-14 21:47:58 migration status: completed',
];

describe('the downtime of guests', () => {
  it('is read from the task lists of all nodes since their own marks, and from the logs of live migrations', async () => {
    const lists: Record<string, TaskListing[]> = {
      pve1: [listing('pve1', 'qmigrate', '210', 1_005, 1_025), listing('pve1', 'vzmigrate', '194', 1_005, 1_015)],
      pve2: [listing('pve2', 'qmigrate', '210', 2_005, 2_025), listing('pve2', 'qmstop', '999', 2_000, 2_001)],
    };
    const asked: unknown[] = [];
    const { measureDowntime } = activitiesOver(
      fakeDeps({
        proxmox: {
          tasks: async (node, filter) => {
            asked.push([node, filter?.since]);
            return lists[node] ?? [];
          },
          task: (upid) => ({
            upid,
            follow: async () => ({ status: 'ok', exitstatus: 'OK', warnings: 0, log: LOG }),
            stop: () => Promise.resolve(),
          }),
        },
      }),
    );
    const input = { since: { pve1: 1_000, pve2: 2_000 }, vmids: [210, 194, 211] };
    await expect(activityEnvironment().run(measureDowntime, input)).resolves.toEqual({
      194: { milliseconds: 11_000, certainty: 'at-most', stillDown: false },
      210: { milliseconds: 118, certainty: 'measured', stillDown: false },
    });
    expect(asked).toEqual([
      ['pve1', 1_001],
      ['pve2', 2_001],
    ]);
  });

  it('is marked on every node that answers', async () => {
    const { markTasks } = activitiesOver(
      fakeDeps({
        proxmox: {
          tasks: async (node) => {
            if (node === 'pve3') throw clientError('retryable', 'no route to host');
            return node === 'pve1' ? [listing('pve1', 'aptupdate', '', 4_000, 4_010)] : [];
          },
        },
      }),
    );
    const marks = activityEnvironment().run(markTasks, { nodes: ['pve1', 'pve2', 'pve3'] });
    await expect(marks).resolves.toEqual({ pve1: 4_000, pve2: 0 });
  });
});
