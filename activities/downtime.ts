import { cancellationSignal } from '@temporalio/activity';
import type { TaskListing } from '../clients/proxmox/index.ts';
import type { Downtime } from '../domain/report.ts';
import { DOWNTIME_TASKS, downtimeOf, type GuestTask } from '../planning/downtime.ts';
import type { ActivityDeps } from './deps.ts';
import { isPassing } from './guard.ts';
import { mapLimited } from './map-limited.ts';

/** Seconds since the epoch, by each node's own clock: when its newest task began. */
export type TaskMarks = Readonly<Record<string, number>>;

export interface MeasureDowntimeInput {
  readonly since: TaskMarks;
  readonly vmids: readonly number[];
}

/** More tasks than any run starts. Proxmox lists 50 unless told otherwise. */
const MOST_TASKS = 10_000;

export function createDowntimeActivities({ proxmox }: ActivityDeps) {
  return {
    /** Where the task lists of nodes end now: `GET /nodes/{node}/tasks`. A node that does not answer has no mark. */
    async markTasks({ nodes }: { nodes: readonly string[] }): Promise<TaskMarks> {
      const marks = await mapLimited(nodes, 4, async (node) => {
        try {
          const tasks = await proxmox.tasks(node, { source: 'all', limit: 1 });
          return [[node, Math.max(0, ...tasks.map(({ startTime }) => startTime))] as const];
        } catch (error) {
          if (isPassing(error)) return [];
          throw error;
        }
      });
      return Object.fromEntries(marks.flat());
    },

    /**
     * How long guests did not run since the marks, by the task lists of the nodes and QEMU's own figure in the logs of
     * live migrations. Guests of which no task tells anything are left out. A node that had no mark is not asked.
     */
    async measureDowntime({ since, vmids }: MeasureDowntimeInput): Promise<Record<string, Downtime>> {
      const wanted = new Set(vmids);
      const listings = await mapLimited(Object.entries(since), 4, ([node, mark]) =>
        proxmox.tasks(node, { source: 'all', since: mark + 1, limit: MOST_TASKS }),
      );
      const relevant = listings.flat().filter(({ type, id }) => DOWNTIME_TASKS.has(type) && wanted.has(Number(id)));
      const tasks = await mapLimited(relevant, 4, readTask);
      const downtimes = [...wanted].flatMap((vmid) => {
        const downtime = downtimeOf(tasks.filter((task) => task.vmid === vmid));
        return downtime === null ? [] : [[String(vmid), downtime] as const];
      });
      return Object.fromEntries(downtimes);
    },
  };

  async function readTask({ upid, type, id, startTime, endTime, status }: TaskListing): Promise<GuestTask> {
    const migrated = type === 'qmigrate' && endTime !== undefined;
    const log = migrated ? (await proxmox.task(upid).follow({ signal: cancellationSignal() })).log : [];
    return {
      vmid: Number(id),
      type,
      startedAt: startTime * 1_000,
      endedAt: endTime === undefined ? null : endTime * 1_000,
      ok: status === 'OK' || /^WARNINGS: /.test(status ?? ''),
      stoodStillMs: stoodStill(log),
    };
  }
}

/** qemu-server, QemuMigrate.pm: `average migration speed: 806.6 MiB/s - downtime 59 ms`. */
export function stoodStill(log: readonly string[]): number | null {
  const figures = log.flatMap((line) => /average migration speed: .* - downtime (\d+) ms/.exec(line)?.[1] ?? []);
  return figures.length === 0 ? null : figures.reduce((sum, figure) => sum + Number(figure), 0);
}
