import type { ClusterSnapshot } from '../../domain/cluster.ts';
import type { ClusterView, NodeCondition } from '../../domain/condition.ts';
import type { Finding } from '../../domain/finding.ts';
import { blocker } from '../findings.ts';

/** Every node must answer over its own API and over SSH: a run needs both, on every node, until its end. */
export function unreachable({ node, view, shell }: NodeCondition): Finding[] {
  const found: Finding[] = [];
  if ('unknown' in view) {
    found.push(
      blocker({
        code: 'node-unreachable',
        node,
        message: `${node} does not answer over its API`,
        evidence: view.unknown,
        remedy: `on ${node}: systemctl status pveproxy pvedaemon; check its address and fingerprint below cluster.nodes`,
      }),
    );
  }
  if ('unknown' in shell) {
    found.push(
      blocker({
        code: 'node-unreachable',
        node,
        message: `${node} does not answer over SSH`,
        evidence: shell.unknown,
        remedy: `log in to ${node} with the key of the worker; check its address and host key below cluster.nodes`,
      }),
    );
  }
  return found;
}

/** Whether there is any use in asking the node for more. */
export function answers({ view, shell }: NodeCondition): boolean {
  return 'value' in view && 'value' in shell;
}

/** Nodes that disagree about who is there are a split, or about to become one. */
export function disagreement(snapshot: ClusterSnapshot, { node, view }: NodeCondition): Finding[] {
  if ('unknown' in view) return [];
  const common: ClusterView = {
    quorate: snapshot.quorum.quorate,
    online: snapshot.nodes.filter((each) => each.online).map((each) => each.name),
  };
  const own = describeView(view.value);
  if (own === describeView(common)) return [];
  return [
    blocker({
      code: 'no-agreement',
      node,
      message: `${node} does not see the same cluster as the others`,
      evidence: `${node}: ${own}\nothers: ${describeView(common)}`,
      remedy: `compare pvecm status and journalctl -u corosync of ${node} and another node; wait if one is still joining`,
    }),
  ];
}

function describeView({ quorate, online }: ClusterView): string {
  return `${quorate ? 'quorate' : 'not quorate'}, online: ${[...online].sort().join(' ')}`;
}
