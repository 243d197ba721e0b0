import { ApplicationFailure } from '@temporalio/workflow';
import type { ClusterSnapshot } from '../../domain/cluster.ts';
import type { ClusterCondition } from '../../domain/condition.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { Finding } from '../../domain/finding.ts';
import type { RollPlan } from '../../domain/plan.ts';
import type { RollSettings } from '../../domain/policy.ts';
import { applyOverrides, describeFindings } from '../../planning/findings.ts';
import { planRoll } from '../../planning/plan-roll.ts';
import { answers } from '../../planning/preflight/reachability.ts';
import { mayReadSoftware, missingForAny } from '../../planning/preflight/privileges.ts';
import { failingProbes } from '../../planning/probe-findings.ts';
import { windowTooShort } from '../../planning/window-findings.ts';
import { quickActivities } from './activities.ts';
import { askWindow } from './await-window.ts';
import { awaitBackups } from './backups.ts';
import { failureType } from './failures.ts';

/**
 * The plan for the nodes of the policy, from the world as it is now, with everything that stands in its way. Package
 * lists are refreshed unless it is a dry run, which changes nothing.
 */
export async function makePlan(settings: RollSettings): Promise<RollPlan> {
  const { policy } = settings;
  const quick = quickActivities(policy.timeouts.workerLost);
  // A guest that a backup holds cannot be asked whether it may move.
  if (!policy.dryRun && policy.backups === 'wait') await awaitBackups('the plan', policy, quick);
  const wanted = policy.nodes.length > 0 ? policy.nodes : settings.nodes;
  const cluster = await quick.readClusterCondition.executeWithOptions(
    { summary: 'read privileges, tasks and backups' },
    [],
  );
  const snapshot = await quick.readCluster
    .executeWithOptions({ summary: 'read votes, nodes, guests and HA' }, [{ leaving: wanted }])
    .catch((error: unknown) => {
      throw explainRefusal(error, cluster);
    });
  // Of all nodes, not only of those to update: guests move to the others, and all of them have to agree.
  const nodes = await Promise.all(
    onlineOf(settings.nodes, snapshot).map((node) =>
      quick.readNodeCondition.executeWithOptions({ summary: `${node}: look for what stands in the way` }, [{ node }]),
    ),
  );
  const readable = nodes.filter((node) => wanted.includes(node.node) && answers(node)).map((each) => each.node);
  const software = await Promise.all(
    (mayReadSoftware(cluster.privileges) ? readable : []).map((node) =>
      quick.readNodeSoftware.executeWithOptions({ summary: `${node}: read packages and kernels` }, [
        { node, refresh: !policy.dryRun },
      ]),
    ),
  );
  const plan = await refuseWhatNeverFits(planRoll(snapshot, software, settings, { cluster, nodes }), settings);
  return { ...plan, findings: [...plan.findings, ...applyOverrides(await askProbes(plan, settings), policy)] };
}

/** A moment of trouble is none, so a probe that fails is asked again. Where nothing is to be done, nothing is asked. */
async function askProbes(plan: RollPlan, { policy }: RollSettings): Promise<Finding[]> {
  const { probes, timeouts } = policy;
  if (probes.length === 0 || plan.nodes.every((node) => node.action === 'skip')) return [];
  return failingProbes(
    await quickActivities(timeouts.workerLost).checkProbes.executeWithOptions({ summary: 'ask the probes' }, [
      { probes, tries: 3 },
    ]),
  );
}

async function refuseWhatNeverFits(plan: RollPlan, { policy }: RollSettings): Promise<RollPlan> {
  const longest = [...plan.nodes].sort((a, b) => b.expectedMilliseconds - a.expectedMilliseconds)[0];
  if (longest === undefined) return plan;
  const answer = await askWindow(longest, policy);
  if (answer.start || answer.opens !== null) return plan;
  const finding = windowTooShort(longest, answer.longest);
  const nodes = plan.nodes.map((node) =>
    node === longest ? { ...node, findings: [finding, ...node.findings] } : node,
  );
  return { ...plan, nodes };
}

function onlineOf(names: readonly string[], snapshot: ClusterSnapshot): string[] {
  return names.filter((name) => snapshot.nodes.some((node) => node.name === name && node.online));
}

/** A token that may not read the cluster is refused by it with one privilege at a time; all of them are known here. */
function explainRefusal(error: unknown, { privileges }: ClusterCondition): unknown {
  const missing = missingForAny(privileges);
  if (failureType(error) !== ErrorType.RemoteRefused || missing.length === 0) return error;
  return ApplicationFailure.create({
    type: ErrorType.Refused,
    message: `Nothing was touched: ${describeFindings(missing)}.`,
    nonRetryable: true,
    ...(error instanceof Error ? { cause: error } : {}),
  });
}
