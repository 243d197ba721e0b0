import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { Permissions, ProxmoxClient } from '../clients/proxmox/index.ts';
import type {
  ClusterCondition,
  Fact,
  NodeCondition,
  RepositoryCondition,
  ShellCondition,
} from '../domain/condition.ts';
import type { ActivityDeps } from './deps.ts';
import { isClientError, isPassing, NoClearAnswer } from './guard.ts';
import { CONDITION_SCRIPT, parseCondition } from './node-shell.ts';
import { isComplete } from './shell-parts.ts';

/** So often something that does not answer is asked before the plan has to do without it. */
const TRIES = 3;

/** Paths of `/access/permissions` that privileges are looked for at. */
const PATHS = ['/', '/nodes', '/vms', '/storage'];

export function createConditionActivities(deps: ActivityDeps) {
  return {
    /**
     * What a preflight wants to know of the cluster. Changes nothing. Whatever cannot be read is told as unknown.
     * Sources: `/access/permissions`, `/cluster/tasks`, `/cluster/backup`.
     */
    async readClusterCondition(): Promise<ClusterCondition> {
      const { proxmox } = deps;
      const [privileges, tasks, jobs] = await Promise.all([
        factOf(proxmox.permissions()),
        factOf(proxmox.clusterTasks()),
        factOf(proxmox.backupJobs()),
      ]);
      return {
        privileges: mapFact(privileges, privilegesByPath),
        tasks: mapFact(tasks, (listed) =>
          listed
            .filter((task) => task.running)
            .map(({ node, type, id, user, startTime }) => ({ node, type, id, user, startedAt: isoTime(startTime) })),
        ),
        backups: mapFact(jobs, (listed) =>
          listed.flatMap(({ id, enabled, nextRun, storage }) =>
            enabled && nextRun !== undefined ? [{ id, storage: storage ?? null, nextRun: isoTime(nextRun) }] : [],
          ),
        ),
      };
    },

    /**
     * What a preflight wants to know of a node. Changes nothing. Whatever cannot be read is told as unknown. Sources:
     * the node's own `/cluster/status`, `/nodes/{node}/storage`, `replication`, `apt/repositories`, `subscription`, and
     * one login over SSH.
     */
    async readNodeCondition({ node }: { node: string }): Promise<NodeCondition> {
      const { proxmox } = deps;
      const [view, shell, storages, replications, repositories] = await Promise.all([
        factOf(proxmox.via(node).clusterStatus()),
        factOf(readShell(deps, node)),
        factOf(proxmox.storages(node)),
        factOf(proxmox.replications(node)),
        factOf(readRepositories(proxmox, node)),
      ]);
      return {
        node,
        view: mapFact(view, ({ quorate, nodes }) => ({
          quorate,
          online: nodes.filter((each) => each.online).map((each) => each.name),
        })),
        shell,
        storages: mapFact(storages, (listed) =>
          listed
            .filter((each) => each.enabled)
            .map(({ storage, active, total, used }) => ({ storage, active, total: total ?? null, used: used ?? null })),
        ),
        replications: mapFact(replications, (jobs) =>
          jobs
            .filter((job) => !job.disabled)
            .map(({ id, guest, target, failCount, error, lastSync, nextSync }) => ({
              id,
              guest,
              target,
              failCount,
              error: error ?? null,
              // Proxmox writes 0 for a job that was never done.
              lastSync: lastSync ? isoTime(lastSync) : null,
              nextSync: nextSync ? isoTime(nextSync) : null,
            })),
        ),
        repositories,
      };
    },
  };
}

async function readShell(deps: ActivityDeps, node: string): Promise<ShellCondition> {
  const sentAt = Date.now();
  const { code, stdout, stderr } = await deps
    .ssh(node)
    .exec(CONDITION_SCRIPT, { timeoutMs: 60_000, signal: cancellationSignal() });
  const receivedAt = Date.now();
  if (isComplete(stdout)) return parseCondition(stdout, { sentAt, receivedAt });
  throw new NoClearAnswer(
    `${node} took the login but did not run what it was told: exit code ${code}, ${stderr.trim()}`,
  );
}

async function readRepositories(proxmox: ProxmoxClient, node: string): Promise<RepositoryCondition> {
  const { errors, warnings, standard } = await proxmox.repositories(node);
  const enterprise = standard.some((each) => each.enabled && /enterprise/.test(each.handle));
  return {
    errors: errors.map(({ path, error }) => `${path}: ${error}`),
    warnings: warnings.map(({ path, message }) => `${path}: ${message}`),
    enterprise,
    subscription: enterprise ? await proxmox.subscription(node) : null,
  };
}

/** What does not answer is asked again by the next attempts; after the last, not knowing is the answer. */
async function factOf<T>(answer: Promise<T>): Promise<Fact<T>> {
  try {
    return { value: await answer };
  } catch (error) {
    if (!isClientError(error) || (isPassing(error) && activityInfo().attempt < TRIES)) throw error;
    return { unknown: error.message };
  }
}

function mapFact<T, U>(fact: Fact<T>, change: (value: T) => U): Fact<U> {
  return 'value' in fact ? { value: change(fact.value) } : fact;
}

function privilegesByPath(permissions: Permissions): Record<string, string[]> {
  return Object.fromEntries(PATHS.map((path) => [path, [...(permissions.get(path) ?? [])].sort()]));
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
