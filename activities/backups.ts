import type { TaskListing } from '../clients/proxmox/index.ts';
import type { Backups, RunningBackup } from '../domain/cluster.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';

export interface SetBackupJobInput {
  readonly id: string;
  readonly enabled: boolean;
  readonly within: Duration;
}

export function createBackupActivities(deps: ActivityDeps) {
  const { proxmox, polling } = deps;
  return {
    /** Backups that run and jobs that will. Sources: `GET /nodes/{node}/tasks`, `GET /cluster/backup`. */
    async readBackups(): Promise<Backups> {
      const [running, jobs] = await Promise.all([runningBackups(deps), proxmox.backupJobs()]);
      return {
        running,
        jobs: jobs.map(({ id, enabled, nextRun }) => ({
          id,
          enabled,
          nextRun: nextRun === undefined ? null : new Date(nextRun * 1000).toISOString(),
        })),
      };
    },

    /** Waits until no backup runs on any node: none is ever broken off. */
    async awaitNoBackup({ within }: { within: Duration }): Promise<void> {
      await awaitWorld({
        what: 'the running backups to end',
        within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.PlanChanged,
        remedy: 'Start again when they have ended, or allow them more time with rollingUpdate.timeouts.backup.',
        look: async (): Promise<Look<true>> => {
          const running = await runningBackups(deps);
          if (running.length === 0) return { found: true };
          return { waitingFor: running.map(({ node, what }) => `${what} on ${node}`).join(', ') };
        },
      });
    },

    /**
     * Disables or enables a backup job (`PUT /cluster/backup/{id}`); false when somebody has removed it. What is as
     * wanted already, by whomever, stays as it is.
     */
    async ensureBackupJob({ id, enabled, within }: SetBackupJobInput): Promise<boolean> {
      return awaitWorld({
        what: `the backup job ${id} to be ${enabled ? 'enabled' : 'disabled'}`,
        within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.RemoteUnavailable,
        remedy: `Set it by hand: pvesh set /cluster/backup/${id} --enabled ${enabled ? 1 : 0}`,
        look: async (): Promise<Look<boolean>> => {
          const job = (await proxmox.backupJobs()).find((each) => each.id === id);
          if (job === undefined) return { found: false };
          if (job.enabled === enabled) return { found: true };
          await proxmox.setBackupJob(id, { enabled });
          return { waitingFor: 'the change to show' };
        },
      });
    },
  };
}

/** A node that is down runs none; one that is up and does not say is to be asked again. */
async function runningBackups({ proxmox }: ActivityDeps): Promise<RunningBackup[]> {
  const { nodes } = await proxmox.clusterStatus();
  const online = nodes.filter((node) => node.online).map((node) => node.name);
  const lists = await Promise.all(online.map((node) => proxmox.tasks(node, { source: 'active', type: 'vzdump' })));
  return lists
    .flat()
    .filter((task) => task.running && task.type === 'vzdump')
    .map((task) => ({ node: task.node, what: describe(task) }));
}

function describe({ id }: TaskListing): string {
  return id === '' ? 'a backup job' : `the backup of ${id}`;
}
