import type { ClusterSnapshot, NodeSoftware } from '../domain/cluster.ts';
import type { NodePlan, QuorumForecast, Refusal } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import { planEvacuation } from './evacuation.ts';
import { expectNode } from './expected-duration.ts';
import { needsReboot, nextKernel, newestKernel, willNeedReboot } from './kernels.ts';
import { forecastQuorum } from './quorum-forecast.ts';

/** What will be done with one node, and all reasons why it must not be. Touches nothing. */
export function planNode(snapshot: ClusterSnapshot, software: NodeSoftware, policy: Policy): NodePlan {
  const { node, pending, kernels } = software;
  const quorum = forecastQuorum(snapshot, node);
  const work = decideWork(software, policy);
  const common = { node, action: work.action, reason: work.reason, packages: pending, quorum };
  if (work.action === 'skip') {
    return {
      ...common,
      rebootExpected: false,
      maintenance: false,
      moves: [],
      refusals: [],
      warnings: work.warnings,
      expectedMilliseconds: 0,
    };
  }

  const evacuation = planEvacuation(snapshot, node, policy);
  const rebootExpected =
    policy.reboot === 'always' || (policy.reboot === 'if-needed' && willNeedReboot(kernels, pending));
  return {
    ...common,
    rebootExpected,
    maintenance: snapshot.ha.startedServices > 0,
    moves: evacuation.moves,
    refusals: [...clusterRefusals(snapshot, node, quorum), ...evacuation.refusals],
    warnings: [...work.warnings, ...evacuation.warnings],
    expectedMilliseconds: expectNode(
      { moves: evacuation.moves, packages: pending.length, reboot: rebootExpected },
      policy,
    ),
  };
}

interface Work {
  readonly action: NodePlan['action'];
  readonly reason: string;
  readonly warnings: readonly string[];
}

function decideWork({ pending, kernels }: NodeSoftware, policy: Policy): Work {
  const warnings = pinWarnings(kernels);
  const rebootDue = needsReboot(kernels);
  if (pending.length > 0) {
    return {
      action: 'update',
      reason: `${pending.length} package${pending.length === 1 ? '' : 's'} to upgrade`,
      warnings,
    };
  }
  if (policy.reboot === 'always') return { action: 'reboot', reason: 'a reboot was asked for', warnings };
  if (!rebootDue) return { action: 'skip', reason: 'up to date', warnings };
  if (policy.reboot === 'if-needed') {
    return { action: 'reboot', reason: `runs ${kernels.running}, would boot ${nextKernel(kernels)}`, warnings };
  }
  return {
    action: 'skip',
    reason: 'nothing to upgrade, and the policy forbids the reboot',
    warnings: [...warnings, `runs ${kernels.running} although ${nextKernel(kernels)} is installed`],
  };
}

/** A forgotten pin keeps an old kernel for ever: not our decision, but worth a word. */
function pinWarnings(kernels: NodeSoftware['kernels']): string[] {
  const newest = newestKernel(kernels.installed);
  if (kernels.pinned === null || newest === undefined || kernels.pinned === newest) return [];
  return [`the kernel is pinned to ${kernels.pinned} although ${newest} is installed`];
}

function clusterRefusals(snapshot: ClusterSnapshot, node: string, quorum: QuorumForecast): Refusal[] {
  const refusals: Refusal[] = [];
  for (const other of snapshot.nodes.filter((candidate) => !candidate.online)) {
    refusals.push({
      code: 'node-offline',
      node: other.name,
      message: `${other.name} is offline, and at most one node may be away`,
      remedy: `bring ${other.name} back, then start again`,
    });
  }
  for (const other of snapshot.nodes.filter((candidate) => candidate.maintenance)) {
    refusals.push({
      code: 'foreign-maintenance',
      node: other.name,
      message: `${other.name} is in HA maintenance mode already, set by somebody else or left over`,
      remedy: `when nobody works on it: ha-manager crm-command node-maintenance disable ${other.name}`,
    });
  }
  if (!snapshot.quorum.quorate) {
    refusals.push({
      code: 'not-quorate',
      node,
      message: 'the cluster is not quorate, so nothing can be moved or changed',
      remedy: 'restore quorum first; pvecm status says which votes are missing',
    });
    return refusals;
  }
  if (quorum.verdict === 'would-fence' || quorum.verdict === 'loses-quorum') {
    refusals.push({ code: quorum.verdict, node, message: quorum.explanation, remedy: quorumRemedy(quorum, snapshot) });
  }
  return refusals;
}

function quorumRemedy(quorum: QuorumForecast, snapshot: ClusterSnapshot): string {
  if (snapshot.quorum.qdevice && !snapshot.quorum.qdevice.connected) return 'reconnect the QDevice (pvecm status)';
  if (quorum.verdict === 'loses-quorum') return 'bring the missing nodes back, or add a QDevice';
  return (
    'add a QDevice (pvecm qdevice setup), or set the HA resources to "ignored" for the update and wait until ' +
    'ha-manager status shows every node as idle (about 15 minutes)'
  );
}
