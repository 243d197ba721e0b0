import type { ClusterSnapshot } from '../domain/cluster.ts';
import type { QuorumForecast, QuorumVerdict } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';

/**
 * What happens to quorum when `leaving` goes away, counted by votes and not by nodes.
 *
 * A node whose HA services are active resets itself 60 seconds after it lost quorum (pve-ha-manager, watchdog-mux), so
 * in a cluster with HA at work the loss of quorum takes down the survivors too. Only a plain pair of nodes, without
 * QDevice and without active HA, may lose quorum: its survivor keeps its guests running and is read-only meanwhile.
 *
 * @param disarmHa What the policy allows: HA that will be disarmed before the node leaves fences nobody.
 */
export function forecastQuorum(
  snapshot: ClusterSnapshot,
  leaving: string,
  disarmHa: Policy['disarmHa'] = 'never',
): QuorumForecast {
  const survivors = snapshot.nodes.filter((node) => node.online && node.name !== leaving);
  const { qdevice, quorum: votesNeeded } = snapshot.quorum;
  const votesLeft = sum(survivors.map((node) => node.votes)) + (qdevice?.connected ? qdevice.votes : 0);
  const forecast = (verdict: QuorumVerdict, explanation: string): QuorumForecast => ({
    verdict,
    votesLeft,
    votesNeeded,
    explanation,
  });

  if (votesLeft >= votesNeeded && survivors.length > 0) {
    return forecast('keeps-quorum', `${votesLeft} votes stay without ${leaving}, ${votesNeeded} are needed`);
  }
  const armed = whoWouldFence(
    snapshot,
    survivors.map((node) => node.name),
  );
  const pair = snapshot.nodes.length === 2 && qdevice === null && survivors.length === 1;
  if (armed && pair && disarmHa === 'when-it-would-fence' && snapshot.ha.armed !== null) {
    return {
      ...forecast(
        'read-only-while-away',
        `without ${leaving} only ${votesLeft} of ${votesNeeded} needed votes are left, and ${armed}: HA is disarmed ` +
          'for the reboot, so that no watchdog resets the other node; until it is back, nothing can be started there',
      ),
      disarmHa: true,
    };
  }
  if (armed) {
    return forecast(
      'would-fence',
      `without ${leaving} only ${votesLeft} of ${votesNeeded} needed votes are left, and ${armed}: ` +
        'the watchdog would reset the remaining nodes after 60 seconds',
    );
  }
  if (pair) {
    const survivor = survivors[0]?.name ?? '';
    return forecast(
      'read-only-while-away',
      `without ${leaving} only ${votesLeft} of ${votesNeeded} needed votes are left: guests on ${survivor} go on ` +
        'running, but nothing can be started or changed there until it is back',
    );
  }
  return forecast(
    'loses-quorum',
    `without ${leaving} only ${votesLeft} of ${votesNeeded} needed votes are left` +
      (qdevice && !qdevice.connected ? ', because the QDevice is not connected' : ''),
  );
}

/** Says which part of HA keeps a watchdog armed on the survivors once the guests have been moved there. */
function whoWouldFence(snapshot: ClusterSnapshot, survivors: readonly string[]): string | null {
  const { ha } = snapshot;
  if (ha.armed === 'disarmed') return null;
  if (ha.startedServices > 0) return `HA runs ${ha.startedServices} guest${ha.startedServices === 1 ? '' : 's'}`;
  const active = snapshot.nodes.find((node) => survivors.includes(node.name) && node.lrm === 'active');
  if (active) return `the HA resource manager of ${active.name} is active`;
  if (ha.masterActive && ha.master !== null && survivors.includes(ha.master)) {
    return `the HA manager on ${ha.master} is active`;
  }
  return null;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
