import type {
  LeaseAnswer,
  LeaseClaim,
  LeaseHolder,
  LeaseMessage,
  LeaseRequest,
  LeaseState,
  RunRef,
} from '../domain/lease.ts';

export const FREE_LEASE: LeaseState = { holder: null, queue: [], outbox: [] };

/** Nobody holds the lease, waits for it or is to be told of it. */
export function isFree({ holder, queue, outbox }: LeaseState): boolean {
  return holder === null && queue.length === 0 && outbox.length === 0;
}

/**
 * Adds a run to those who want the lease. Asking again changes nothing, whether it holds the lease or waits for it.
 * `power` goes before all others and has the holder told to stop, unless that is `power` itself.
 *
 * @param at ISO 8601.
 */
export function requestLease(state: LeaseState, request: LeaseRequest, at: string): LeaseState {
  const { holder } = state;
  if (holder !== null && isSame(holder.run, request.run)) return state;
  if (state.queue.some(({ run }) => isSame(run, request.run))) return state;
  const queue = insert(state.queue, { ...request, since: at });
  if (holder === null) return grantNext({ ...state, queue }, at, 'by-answer');
  if (request.priority !== 'power' || holder.priority === 'power' || holder.preemptedBy !== null) {
    return { ...state, queue };
  }
  return {
    holder: { ...holder, preemptedBy: request },
    queue,
    outbox: [...state.outbox, { kind: 'preempted', to: holder.run, by: request }],
  };
}

/** Takes a run out, whether it holds the lease, waits for it or is not known at all, and lets the next one have it. */
export function releaseLease(state: LeaseState, run: RunRef, at: string): LeaseState {
  const without: LeaseState = {
    holder: state.holder !== null && isSame(state.holder.run, run) ? null : state.holder,
    queue: state.queue.filter((claim) => !isSame(claim.run, run)),
    outbox: state.outbox.filter((message) => !isSame(message.to, run)),
  };
  return without.holder === null ? grantNext(without, at, 'by-message') : without;
}

export function answerFor({ holder, queue }: LeaseState, run: RunRef): LeaseAnswer {
  if (holder === null || isSame(holder.run, run)) return { granted: true };
  return { granted: false, holder, ahead: queue.findIndex((claim) => isSame(claim.run, run)) };
}

/** The state without the message that was just sent. */
export function withoutMessage(state: LeaseState, sent: LeaseMessage): LeaseState {
  return { ...state, outbox: state.outbox.filter((message) => message !== sent) };
}

/** Who holds it and why, in one sentence for those who wait. */
export function describeHolder({ run, reason, since, preemptedBy }: LeaseHolder): string {
  const told = preemptedBy === null ? '' : `, told to make way for ${preemptedBy.run.workflowId}`;
  return `${run.workflowId} has the cluster since ${since} (${reason}${told})`;
}

function grantNext(state: LeaseState, at: string, told: 'by-answer' | 'by-message'): LeaseState {
  const [next, ...queue] = state.queue;
  if (next === undefined) return { ...state, holder: null };
  const message: LeaseMessage[] = told === 'by-answer' ? [] : [{ kind: 'granted', to: next.run }];
  return { holder: { ...next, since: at, preemptedBy: null }, queue, outbox: [...state.outbox, ...message] };
}

/** First come, first served, but `power` before all others. */
function insert(queue: readonly LeaseClaim[], claim: LeaseClaim): LeaseClaim[] {
  if (claim.priority !== 'power') return [...queue, claim];
  return [...queue.filter(isPower), claim, ...queue.filter((each) => !isPower(each))];
}

function isPower({ priority }: LeaseClaim): boolean {
  return priority === 'power';
}

function isSame(one: RunRef, other: RunRef): boolean {
  return one.workflowId === other.workflowId && one.runId === other.runId;
}
