import { sh } from '../../clients/ssh/index.ts';
import { parsePvecmStatus, type PvecmStatus } from '../../clients/pvecm/status.ts';
import type { Act } from '../../domain/outage.ts';
import { NoClearAnswer } from '../guard.ts';
import { ANSWER_MS, ask } from './ask.ts';
import { budgetOf, lookWithin } from './budget.ts';
import type { PowerDeps } from './deps.ts';

export interface SetExpectedVotesInput {
  /** Node on which the command is run; it counts for all that it sees. */
  readonly node: string;
  readonly votes: number;
  readonly rehearsal: boolean;
}

/** Corosync takes a new number in a moment; milliseconds. */
const TAKEN_MS = 15_000;

export function createVoteActivities(deps: PowerDeps) {
  return {
    /** Sets how many votes the cluster expects, and reads that it took them. Source: pvecm(1), `expected` and `status`. */
    async setExpectedVotes({ node, votes, rehearsal }: SetExpectedVotesInput): Promise<Act> {
      const before = await ask((signal) => readVotesOn(deps, node, signal));
      if ('trouble' in before) return { outcome: 'failed', words: before.trouble.message };
      const { expectedVotes } = before.value;
      if (expectedVotes === votes) return { outcome: 'done', words: `${node} expects ${describe(votes)} already` };
      const change = `${describe(votes)} instead of ${expectedVotes}`;
      if (rehearsal) return { outcome: 'done', words: `would let ${node} expect ${change}` };
      const told = await ask((signal) => run(deps, node, sh`pvecm expected ${votes}`, signal));
      const look = await lookWithin(budgetOf(TAKEN_MS), deps.polling.intervalMs, async () => {
        const after = await ask((signal) => readVotesOn(deps, node, signal));
        if ('value' in after && after.value.expectedVotes === votes) return { found: true };
        const seen = 'value' in after ? `it expects ${after.value.expectedVotes}` : after.trouble.message;
        return { waitingFor: 'trouble' in told ? told.trouble.message : seen };
      });
      if ('found' in look) return { outcome: 'done', words: `${node} expects ${change}` };
      return { outcome: 'failed', words: `${node} does not expect ${describe(votes)}: ${look.waitingFor}` };
    },
  };
}

/** `pvecm status` as this node sees it. */
export async function readVotesOn(deps: PowerDeps, node: string, signal: AbortSignal): Promise<PvecmStatus> {
  const { stdout } = await deps.ssh(node).exec('pvecm status', { timeoutMs: ANSWER_MS, signal });
  return parsePvecmStatus(stdout);
}

async function run(deps: PowerDeps, node: string, line: string, signal: AbortSignal): Promise<void> {
  const { code, stderr } = await deps.ssh(node).exec(line, { timeoutMs: ANSWER_MS, signal });
  if (code !== 0) throw new NoClearAnswer(`${node}: "${line}" ended with ${code ?? 'a signal'}: ${stderr.trim()}`);
}

function describe(votes: number): string {
  return `${votes} vote${votes === 1 ? '' : 's'}`;
}
