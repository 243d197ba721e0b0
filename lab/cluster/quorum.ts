/** One corosync member's part in the vote. */
export interface Voter {
  readonly name: string;
  readonly votes: number;
  /** In the membership: corosync runs and hears the others. */
  readonly online: boolean;
  /** Expected votes as this member believes: the configured sum, or what `pvecm expected` told it. */
  readonly expected: number;
}

/** The vote as `corosync-quorumtool` reports it. */
export interface VoteCount {
  readonly expected: number;
  readonly total: number;
  readonly needed: number;
  readonly quorate: boolean;
}

/** Majority of the expected votes (votequorum(5)); Proxmox configures neither `two_node` nor `wait_for_all`. */
export function votesNeeded(expected: number): number {
  return Math.floor(expected / 2) + 1;
}

/** Votes a QDevice brings: one where the nodes' votes are even, else all but one (`pvecm qdevice setup`). */
export function qdeviceVotes(nodeVotes: number): number {
  return nodeVotes % 2 === 0 ? 1 : nodeVotes - 1;
}

/** Expected votes by configuration. */
export function configuredVotes(nodes: readonly { readonly votes: number }[], qdevice: boolean): number {
  const votes = nodes.reduce((sum, node) => sum + node.votes, 0);
  return votes + (qdevice ? qdeviceVotes(votes) : 0);
}

/**
 * Counts the votes of all online members as one partition. The highest expectation among them counts: a member that
 * comes back with the configured number undoes an earlier `pvecm expected`.
 */
export function countVotes(voters: readonly Voter[], qdevice: boolean): VoteCount {
  const online = voters.filter((voter) => voter.online);
  const device = qdevice && online.length > 0 ? qdeviceVotes(voters.reduce((sum, voter) => sum + voter.votes, 0)) : 0;
  const total = online.reduce((sum, voter) => sum + voter.votes, device);
  const expected = Math.max(0, ...online.map((voter) => voter.expected));
  const needed = votesNeeded(expected);
  return { expected, total, needed, quorate: online.length > 0 && total >= needed };
}

/** Whether corosync takes a new expectation: the quorum it makes must lie between half of the present votes and all. */
export function acceptsExpected(expected: number, total: number): boolean {
  const needed = votesNeeded(expected);
  return expected > 0 && needed >= total / 2 && needed <= total;
}
