import type { ClusterSnapshot, NodeSoftware } from '../domain/cluster.ts';
import type { Finding } from '../domain/finding.ts';
import type { NodePlan, QuorumForecast } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';
import { canaryFindings, canaryOf } from './canary.ts';
import { planEvacuation } from './evacuation.ts';
import { expectNode } from './expected-duration.ts';
import { blocker, warning } from './findings.ts';
import { afterUpgrade, needsReboot, nextKernel, willNeedReboot } from './kernels.ts';
import { kernelPins } from './preflight/kernel-pins.ts';
import { forecastQuorum } from './quorum-forecast.ts';

/** What will be done with one node, and all reasons of its own why it must not be. Touches nothing. */
export function planNode(snapshot: ClusterSnapshot, software: NodeSoftware, policy: Policy): NodePlan {
  const { node, pending, kernels } = software;
  const quorum = forecastQuorum(snapshot, node, policy.disarmHa);
  const work = decideWork(software, policy);
  const common = { node, action: work.action, reason: work.reason, packages: pending, quorum };
  if (work.action === 'skip') {
    return {
      ...common,
      rebootExpected: false,
      maintenance: false,
      moves: [],
      findings: work.findings,
      expectedMilliseconds: 0,
    };
  }

  const evacuation = planEvacuation(snapshot, node, policy);
  const rebootExpected =
    policy.reboot === 'always' || (policy.reboot === 'if-needed' && willNeedReboot(kernels, pending));
  const canary = rebootExpected ? canaryOf(afterUpgrade(kernels, pending), policy) : null;
  return {
    ...common,
    rebootExpected,
    ...(canary && { canary }),
    maintenance: snapshot.ha.startedServices > 0,
    moves: evacuation.moves,
    findings: [
      ...quorumFindings(snapshot, node, quorum),
      ...evacuation.findings,
      ...(rebootExpected ? startedByTheBoot(snapshot, node) : []),
      ...work.findings,
      ...(canary ? canaryFindings(node, kernels, canary) : []),
    ],
    expectedMilliseconds: expectNode(
      { moves: evacuation.moves, packages: pending.length, reboot: rebootExpected },
      policy,
    ),
  };
}

interface Work {
  readonly action: NodePlan['action'];
  readonly reason: string;
  readonly findings: readonly Finding[];
}

function decideWork({ node, pending, kernels }: NodeSoftware, policy: Policy): Work {
  const findings = kernelPins(node, kernels);
  const rebootDue = needsReboot(kernels);
  if (pending.length > 0) {
    return {
      action: 'update',
      reason: `${pending.length} package${pending.length === 1 ? '' : 's'} to upgrade`,
      findings,
    };
  }
  if (policy.reboot === 'always') return { action: 'reboot', reason: 'a reboot was asked for', findings };
  if (!rebootDue) return { action: 'skip', reason: 'up to date', findings };
  if (policy.reboot === 'if-needed') {
    return { action: 'reboot', reason: `runs ${kernels.running}, would boot ${nextKernel(kernels)}`, findings };
  }
  return {
    action: 'skip',
    reason: 'nothing to upgrade, and the policy forbids the reboot',
    findings: [
      ...findings,
      warning({
        code: 'reboot-forbidden',
        node,
        message: `${node} runs ${kernels.running} although ${nextKernel(kernels)} is installed`,
        remedy: 'allow the reboot with rollingUpdate.reboot "if-needed"',
      }),
    ],
  };
}

/** Guests that are stopped now, and that nobody but the boot of their node will have started. */
function startedByTheBoot({ guests }: ClusterSnapshot, node: string): Finding[] {
  return guests
    .filter((guest) => guest.node === node && guest.startsAtBoot)
    .map(({ vmid, kind, name }) =>
      warning({
        code: 'starts-at-boot',
        node,
        vmid,
        message: `${name} (${vmid}) is stopped, and ${node} will start it at its boot`,
        remedy: `if it is to stay stopped: ${kind === 'qemu' ? 'qm' : 'pct'} set ${vmid} --onboot 0`,
      }),
    );
}

/** Without quorum now, a forecast says nothing. */
function quorumFindings(snapshot: ClusterSnapshot, node: string, quorum: QuorumForecast): Finding[] {
  if (!snapshot.quorum.quorate || (quorum.verdict !== 'would-fence' && quorum.verdict !== 'loses-quorum')) return [];
  return [blocker({ code: quorum.verdict, node, message: quorum.explanation, remedy: quorumRemedy(quorum, snapshot) })];
}

function quorumRemedy(quorum: QuorumForecast, snapshot: ClusterSnapshot): string {
  if (snapshot.quorum.qdevice && !snapshot.quorum.qdevice.connected) return 'reconnect the QDevice (pvecm status)';
  if (quorum.verdict === 'loses-quorum') return 'bring the missing nodes back, or add a QDevice';
  if (snapshot.ha.armed !== null && snapshot.nodes.length === 2) {
    return 'add a QDevice (pvecm qdevice setup), or let HA be disarmed for the reboot: rollingUpdate.disarmHa "when-it-would-fence"';
  }
  return (
    'add a QDevice (pvecm qdevice setup), or set the HA resources to "ignored" for the update and wait until ' +
    'ha-manager status shows every node as idle (about 15 minutes)'
  );
}
