import { activityInfo, ApplicationFailure } from '@temporalio/activity';
import type { ProxmoxClient, Replication } from '../clients/proxmox/index.ts';
import type { Duration } from '../domain/duration.ts';
import { ErrorType } from '../domain/errors.ts';
import { awaitWorld, type Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';

/** A replication that failed this often since we asked for it will not work the next time either. */
const SYNC_TRIES = 3;

/** The scheduler looks for work every minute; after so many looks without a sign of it, it is asked again. */
const LOOKS_BEFORE_ASKING_AGAIN = 30;

export interface SyncReplicationInput {
  readonly vmid: number;
  readonly name: string;
  /** Node on which the guest is. */
  readonly node: string;
  /** Node to which it will be moved; null when that is for the HA manager to say: then all of its jobs. */
  readonly target: string | null;
  readonly within: Duration;
}

/** How the jobs stood when the first attempt looked, by their ids: only what is newer counts as a synchronization. */
type Before = Readonly<Record<string, { readonly lastSync: number; readonly failCount: number }>>;

export function createReplicationActivities(deps: ActivityDeps) {
  const { proxmox, polling } = deps;
  return {
    /**
     * Replicates a guest's disks once more to where it will go, so that its move has little left to copy, and proves
     * that the replication works. A guest that is not replicated there needs nothing. Fails with `GuestMoveFailed`.
     * Sources: `GET /nodes/{node}/replication`, `POST …/{id}/schedule_now`, pvesr(1).
     */
    async syncReplication({ vmid, name, node, target, within }: SyncReplicationInput): Promise<void> {
      const jobsOf = async () =>
        (await proxmox.replications(node)).filter(
          (job) => job.guest === vmid && !job.disabled && (target === null || job.target === target),
        );
      let before = (activityInfo().heartbeatDetails as { before?: Before } | undefined)?.before;
      const looks = new Map<string, number>();
      await awaitWorld({
        what: `the disks of ${name} (${vmid}) to be replicated from ${node}`,
        within,
        intervalMs: polling.intervalMs,
        errorType: ErrorType.GuestMoveFailed,
        remedy: `pvesr status on ${node} says how its replication stands.`,
        memory: () => (before ? { before } : {}),
        look: async (): Promise<Look<true>> => {
          const jobs = await jobsOf();
          before ??= Object.fromEntries(jobs.map(({ id, lastSync = 0, failCount }) => [id, { lastSync, failCount }]));
          const known = before;
          const late = jobs.filter((job) => !isSynced(job, known));
          if (late.length === 0) return { found: true };
          for (const job of late) {
            if (failuresOf(job, known) >= SYNC_TRIES) throw replicationFailed(name, vmid, job);
            await ask(proxmox, node, job, looks);
          }
          return { waitingFor: late.map(describeJob).join(', ') };
        },
      });
    },
  };
}

function isSynced({ id, lastSync = 0, failCount, running }: Replication, before: Before): boolean {
  return !running && failCount === 0 && lastSync > (before[id]?.lastSync ?? 0);
}

function failuresOf({ id, failCount }: Replication, before: Before): number {
  const known = before[id]?.failCount ?? 0;
  // A success in between sets the count back to zero.
  return failCount >= known ? failCount - known : failCount;
}

/** Asks at once, after each failure, and when nothing seems to come of it; never while one runs. */
async function ask(
  proxmox: ProxmoxClient,
  node: string,
  { id, failCount, running }: Replication,
  looks: Map<string, number>,
): Promise<void> {
  if (running) return;
  const state = `${id}/${failCount}`;
  const seen = looks.get(state) ?? 0;
  if (seen % LOOKS_BEFORE_ASKING_AGAIN === 0) await proxmox.scheduleReplication(node, id);
  looks.set(state, seen + 1);
}

function describeJob({ id, target, running, failCount, error }: Replication): string {
  const state = running
    ? 'runs'
    : failCount > 0
      ? `has failed ${failCount} times (${error ?? 'no reason given'})`
      : 'is due';
  return `job ${id} to ${target} ${state}`;
}

function replicationFailed(name: string, vmid: number, { id, target, error }: Replication): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.GuestMoveFailed,
    message:
      `${name} (${vmid}) stays where it is: its replication ${id} to ${target} fails: ${error ?? 'no reason given'}. ` +
      'Mend it (pvesr status, Datacenter, Replication), then start again.',
    nonRetryable: true,
  });
}
