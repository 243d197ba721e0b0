import type { ClusterSnapshot, NodeSoftware } from '../../domain/cluster.ts';
import type { ClusterCondition, NodeCondition, ShellCondition } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import type { NodePlan } from '../../domain/plan.ts';
import type { Policy } from '../../domain/policy.ts';
import { kernelOfPackage } from '../kernels.ts';
import { backupsDue } from './backups.ts';
import { clockSkew } from './clock.ts';
import { bootPartitions, lowDiskSpace } from './disk-space.ts';
import { judge } from './fact.ts';
import { haErrors, lostQdevice } from './ha.ts';
import { brokenPackages, heldPackages, majorUpgrade, repositoryProblems } from './packages.ts';
import { missingPrivileges } from './privileges.ts';
import { disagreement, unreachable } from './reachability.ts';
import { replicationProblems } from './replication.ts';
import { storageProblems } from './storage.ts';
import { packageWork, runningTasks } from './tasks.ts';

/** All that was read for a preflight beside the snapshot. */
export interface Condition {
  readonly cluster: ClusterCondition;
  /** Of every node that is online and configured. */
  readonly nodes: readonly NodeCondition[];
}

/** What stands in the way of touching any node, wherever it was found. */
export function preflightCluster(
  snapshot: ClusterSnapshot,
  plans: readonly NodePlan[],
  { cluster, nodes }: Condition,
): Finding[] {
  const expectedMs = plans.reduce((total, plan) => total + plan.expectedMilliseconds, 0);
  return [
    ...judge(
      cluster.privileges,
      { node: null, what: 'the privileges of the API token', guards: 'it may see every guest' },
      (held) => missingPrivileges(held, snapshot, plans),
    ),
    ...lostQdevice(snapshot),
    ...judge(cluster.backups, { node: null, what: 'the backup jobs' }, (jobs) =>
      backupsDue(jobs, { from: snapshot.takenAt, expectedMs }),
    ),
    ...haErrors(snapshot),
    ...nodes.flatMap((node) => [
      ...unreachable(node),
      ...disagreement(snapshot, node),
      ...('value' in node.shell ? clockSkew(node.node, node.shell.value.clockAhead) : []),
      ...judge(node.storages, { node: node.node, what: 'the storages' }, (storages) =>
        storageProblems(node.node, storages),
      ),
    ]),
  ];
}

/** What stands in the way of draining, upgrading and rebooting this node. */
export function preflightNode(
  { node, action, packages }: NodePlan,
  software: NodeSoftware | undefined,
  { takenAt, backups }: { readonly takenAt: string; readonly backups: Policy['backups'] },
  { cluster, nodes }: Condition,
): Finding[] {
  const own = nodes.find((each) => each.node === node);
  const repositories = own && 'value' in own.repositories ? own.repositories.value : null;
  // A node without fresh package lists is not known to be up to date.
  const sources = software ? repositoryProblems(software, repositories) : [];
  if (action === 'skip') return sources;
  const kernelComes = packages.some((update) => kernelOfPackage(update.name) !== null);
  return [
    ...sources,
    ...majorUpgrade(node, packages),
    ...judge(cluster.tasks, { node, what: 'the running tasks', guards: 'none of them would be broken off' }, (tasks) =>
      runningTasks(node, tasks, backups),
    ),
    ...(own ? nodeFacts(own, takenAt, kernelComes) : []),
    ...(software && !own
      ? judge({ unknown: 'nobody asked it' }, { node, what: 'the condition', guards: 'it is well' }, () => [])
      : []),
  ];
}

function nodeFacts(own: NodeCondition, takenAt: string, kernelComes: boolean): Finding[] {
  const { node } = own;
  return [
    ...('value' in own.shell ? shellFacts(node, own.shell.value, kernelComes) : []),
    ...judge(own.replications, { node, what: 'the replication' }, (jobs) => replicationProblems(node, jobs, takenAt)),
    ...judge(own.repositories, { node, what: 'the repositories' }, () => []),
  ];
}

function shellFacts(node: string, shell: ShellCondition, kernelComes: boolean): Finding[] {
  return [
    ...judge(
      shell.busyUnits,
      { node, what: 'the running upgrades', guards: 'no second upgrade begins beside one' },
      (units) => packageWork(node, units),
    ),
    ...judge(shell.audit, { node, what: 'the state of the packages' }, (audit) => brokenPackages(node, audit)),
    ...judge(shell.held, { node, what: 'the packages on hold' }, (held) => heldPackages(node, held)),
    ...judge(shell.fileSystems, { node, what: 'the disk space' }, (found) => lowDiskSpace(node, found, kernelComes)),
    ...judge(shell.bootPartitions, { node, what: 'the boot partitions' }, (found) =>
      bootPartitions(node, found, kernelComes),
    ),
  ];
}
