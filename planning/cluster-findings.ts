import type { ClusterSnapshot } from '../domain/cluster.ts';
import type { Finding } from '../domain/finding.ts';
import { blocker } from './findings.ts';

/** What keeps any node of the cluster from being touched now. */
export function clusterFindings(snapshot: ClusterSnapshot): Finding[] {
  const offline = snapshot.nodes
    .filter((node) => !node.online)
    .map(({ name }) =>
      blocker({
        code: 'node-offline',
        node: name,
        message: `${name} is offline, and at most one node may be away`,
        remedy: `bring ${name} back, then start again`,
      }),
    );
  const inMaintenance = snapshot.nodes
    .filter((node) => node.maintenance)
    .map(({ name }) =>
      blocker({
        code: 'foreign-maintenance',
        node: name,
        message: `${name} is in HA maintenance mode already, set by somebody else or left over`,
        remedy: `when nobody works on it: ha-manager crm-command node-maintenance disable ${name}`,
      }),
    );
  const inquorate = snapshot.quorum.quorate
    ? []
    : [
        blocker({
          code: 'not-quorate',
          node: null,
          message: 'the cluster is not quorate, so nothing can be moved or changed',
          remedy: 'restore quorum first; pvecm status says which votes are missing',
        }),
      ];
  return [...inquorate, ...offline, ...inMaintenance, ...haDisarmed(snapshot)];
}

/** A disarmed HA manager hears no command: it would neither enter a maintenance nor move a guest. */
function haDisarmed({ ha }: ClusterSnapshot): Finding[] {
  if (ha.startedServices === 0 || (ha.armed !== 'disarming' && ha.armed !== 'disarmed')) return [];
  return [
    blocker({
      code: 'ha-disarmed',
      node: null,
      message: 'HA is disarmed, so the HA manager moves none of its guests',
      evidence: ha.armed,
      remedy: 'when whatever it was disarmed for is over: pvesh create /cluster/ha/status/arm-ha',
    }),
  ];
}
