import type { ClusterSnapshot, NodeSoftware } from '../domain/cluster.ts';
import type { Finding } from '../domain/finding.ts';
import type { GuestMove, NodePlan, RollPlan } from '../domain/plan.ts';
import type { RollSettings } from '../domain/policy.ts';
import { clusterFindings } from './cluster-findings.ts';
import { applyOverrides, blocker, distinct } from './findings.ts';
import { findStrangers } from './guest-treatment.ts';
import { orderNodes } from './node-order.ts';
import { planNode } from './plan-node.ts';
import { answers } from './preflight/reachability.ts';
import { preflightCluster, preflightNode, type Condition } from './preflight/preflight.ts';
import { forecastQuorum } from './quorum-forecast.ts';

/** The whole rolling update as data: every node in its order, with all findings at once. */
export function planRoll(
  snapshot: ClusterSnapshot,
  software: readonly NodeSoftware[],
  settings: RollSettings,
  condition: Condition,
): RollPlan {
  const byNode = new Map(software.map((each) => [each.node, each]));
  const nodes = orderNodes(settings, snapshot).map((node) => {
    const own = byNode.get(node);
    const plan = own ? planNode(snapshot, own, settings.policy) : planUnreadable(snapshot, node, condition);
    const findings = [
      ...refuseOwnEnd(plan, settings.orchestratorGuest),
      ...plan.findings,
      ...preflightNode(plan, own, { takenAt: snapshot.takenAt, backups: settings.policy.backups }, condition),
    ];
    return { ...plan, findings: applyOverrides(findings, settings.policy) };
  });
  const busy = nodes.some((node) => node.action !== 'skip');
  return {
    cluster: settings.cluster,
    findings: applyOverrides(
      [
        ...(busy ? [...clusterFindings(snapshot), ...preflightCluster(snapshot, nodes, condition)] : []),
        ...findStrangers(snapshot.guests, settings.policy),
      ],
      settings.policy,
    ),
    nodes,
  };
}

/** The plan of one node, with what is found about the cluster. */
export function nodePlanIn(plan: RollPlan, node: string): NodePlan | undefined {
  const own = plan.nodes.find((each) => each.node === node);
  return own && { ...own, findings: distinct([...(own.action === 'skip' ? [] : plan.findings), ...own.findings]) };
}

/** A run that stops the guest it runs in would never start it again. */
function refuseOwnEnd({ node, moves }: NodePlan, orchestratorGuest: number | null): Finding[] {
  return moves
    .filter((move) => move.vmid === orchestratorGuest && (move.how === 'shutdown' || move.how === 'leave'))
    .map(({ vmid, name, how }) =>
      blocker({
        code: 'own-guest',
        node,
        vmid,
        message: `${name} (${vmid}) runs this update, and the policy "${how}" would end it together with ${node}`,
        remedy: `let it be migrated (rollingUpdate.guests.overrides.${vmid}), or run Caretaker outside the cluster`,
      }),
    );
}

/** What the fresh plan of a node does differently from the one that was shown; empty when nothing matters. */
export function describeDrift(shown: NodePlan, fresh: NodePlan): string[] {
  const drift: string[] = [];
  if (shown.action !== fresh.action) drift.push(`${fresh.node}: ${fresh.action} instead of ${shown.action}`);
  if (!shown.rebootExpected && fresh.rebootExpected) drift.push(`${fresh.node}: now needs a reboot`);
  if (shown.quorum.verdict !== fresh.quorum.verdict) drift.push(`${fresh.node}: ${fresh.quorum.explanation}`);
  const before = new Map(shown.moves.map((move) => [move.vmid, move]));
  for (const move of fresh.moves) {
    const old = before.get(move.vmid);
    before.delete(move.vmid);
    if (!old) drift.push(`${move.name} (${move.vmid}) runs on ${fresh.node} now`);
    else if (old.how !== move.how || old.target !== move.target) {
      drift.push(`${move.name} (${move.vmid}): ${describeMove(move)} instead of ${describeMove(old)}`);
    }
  }
  for (const gone of before.values()) drift.push(`${gone.name} (${gone.vmid}) no longer runs on ${fresh.node}`);
  return drift;
}

function describeMove({ how, target }: GuestMove): string {
  return target === null ? how : `${how} to ${target}`;
}

/** A node whose software could not be read is a node that does not answer, or one that the cluster does not have. */
function planUnreadable(snapshot: ClusterSnapshot, node: string, condition: Condition): NodePlan {
  return {
    node,
    action: 'update',
    reason: 'its state is unknown',
    packages: [],
    rebootExpected: false,
    maintenance: false,
    quorum: forecastQuorum(snapshot, node),
    moves: [],
    findings: whyUnreadable(snapshot, node, condition),
    expectedMilliseconds: 0,
  };
}

/** That a member is offline or does not answer is found about the cluster. */
function whyUnreadable(snapshot: ClusterSnapshot, node: string, { nodes }: Condition): Finding[] {
  const member = snapshot.nodes.find((each) => each.name === node);
  if (!member) {
    const names = snapshot.nodes.map((each) => each.name).join(', ');
    return [
      blocker({
        code: 'unknown-node',
        node,
        message: `${node} is not a member of the cluster ${snapshot.cluster} (${names})`,
        remedy: 'correct its name below cluster.nodes of the configuration, or join it to the cluster',
      }),
    ];
  }
  if (!member.online || nodes.some((each) => each.node === node && !answers(each))) return [];
  return [
    blocker({
      code: 'state-unknown',
      node,
      message: `the packages and kernels of ${node} could not be read`,
      remedy: 'mend what kept them from being read, then start again',
    }),
  ];
}
