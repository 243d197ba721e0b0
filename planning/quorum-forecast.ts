import type { ClusterSnapshot, NodeState, QuorumState } from '../domain/cluster.ts';
import type { QuorumForecast, QuorumVerdict } from '../domain/plan.ts';
import type { Policy } from '../domain/policy.ts';

/** Who has a vote. */
export interface Voters {
  readonly nodes: readonly Pick<NodeState, 'name' | 'online' | 'votes'>[];
  readonly quorum: QuorumState;
}

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
  const survivors = survivorsOf(snapshot, [leaving]).map(({ name }) => name);
  const forecast = forecastVotes(snapshot, [leaving], whoWouldFence(snapshot, survivors));
  if (forecast.verdict !== 'would-fence' || disarmHa === 'never' || snapshot.ha.armed === null) return forecast;
  const disarmed = forecastDisarmed(snapshot, [leaving], 'the reboot');
  return disarmed.verdict === 'read-only-while-away' ? disarmed : forecast;
}

/**
 * The same for any number of nodes that will be away together. On the way there votes only ever get fewer.
 *
 * @param armedBy Which part of HA keeps a watchdog armed on the survivors, `HA runs 2 guests`; null: none does.
 */
export function forecastVotes(voters: Voters, leaving: readonly string[], armedBy: string | null): QuorumForecast {
  const survivors = survivorsOf(voters, leaving);
  const { qdevice, quorum: votesNeeded } = voters.quorum;
  const votesLeft = sum(survivors.map((node) => node.votes)) + (qdevice?.connected ? qdevice.votes : 0);
  const who = leaving.join(' and ');
  const forecast = (verdict: QuorumVerdict, explanation: string): QuorumForecast => ({
    verdict,
    votesLeft,
    votesNeeded,
    explanation,
  });

  if (votesLeft >= votesNeeded && survivors.length > 0) {
    return forecast('keeps-quorum', `${votesLeft} votes stay without ${who}, ${votesNeeded} are needed`);
  }
  const tooFew = `without ${who} only ${votesLeft} of ${votesNeeded} needed votes are left`;
  if (armedBy !== null) {
    return forecast(
      'would-fence',
      `${tooFew}, and ${armedBy}: the watchdog would reset the remaining nodes after 60 seconds`,
    );
  }
  if (voters.nodes.length === 2 && qdevice === null && survivors.length === 1) {
    const survivor = survivors[0]?.name ?? '';
    return forecast(
      'read-only-while-away',
      `${tooFew}: guests on ${survivor} go on running, but nothing can be started or changed there until it is back`,
    );
  }
  return forecast(
    'loses-quorum',
    tooFew + (qdevice && !qdevice.connected ? ', because the QDevice is not connected' : ''),
  );
}

/** The same once HA is disarmed, so that it fences nobody. */
export function forecastDisarmed(voters: Voters, leaving: readonly string[], why: string): QuorumForecast {
  const forecast = forecastVotes(voters, leaving, null);
  const explanation = `${forecast.explanation}; HA is disarmed for ${why}, so that no watchdog resets a node`;
  return { ...forecast, explanation, disarmHa: true };
}

function survivorsOf<Node extends Voters['nodes'][number]>(
  { nodes }: { readonly nodes: readonly Node[] },
  leaving: readonly string[],
): Node[] {
  return nodes.filter((node) => node.online && !leaving.includes(node.name));
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
