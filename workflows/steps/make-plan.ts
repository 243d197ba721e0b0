import type { Finding } from '../../domain/finding.ts';
import type { RollPlan } from '../../domain/plan.ts';
import type { RollSettings } from '../../domain/policy.ts';
import { planRoll } from '../../planning/plan-roll.ts';
import { failingProbes } from '../../planning/probe-findings.ts';
import { windowTooShort } from '../../planning/window-findings.ts';
import { quickActivities } from './activities.ts';
import { askWindow } from './await-window.ts';
import { awaitBackups } from './backups.ts';

/** The plan for the nodes of the policy, from the world as it is now. Package lists are refreshed unless it is a dry run. */
export async function makePlan(settings: RollSettings): Promise<RollPlan> {
  const { policy } = settings;
  const quick = quickActivities(policy.timeouts.workerLost);
  // A guest that a backup holds cannot be asked whether it may move.
  if (!policy.dryRun && policy.backups === 'wait') await awaitBackups('the plan', policy, quick);
  const wanted = policy.nodes.length > 0 ? policy.nodes : settings.nodes;
  const snapshot = await quick.readCluster.executeWithOptions({ summary: 'read votes, nodes, guests and HA' }, [
    { leaving: wanted },
  ]);
  const online = wanted.filter((node) => snapshot.nodes.some((each) => each.name === node && each.online));
  const software = await Promise.all(
    online.map((node) =>
      quick.readNodeSoftware.executeWithOptions({ summary: `${node}: read packages and kernels` }, [
        { node, refresh: !policy.dryRun },
      ]),
    ),
  );
  const plan = await refuseWhatNeverFits(planRoll(snapshot, software, settings), settings);
  return { ...plan, findings: [...plan.findings, ...(await askProbes(plan, settings))] };
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
