import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LeasePriority, LeaseRequest, LeaseState, RunRef } from '../../domain/lease.ts';
import {
  answerFor,
  describeHolder,
  FREE_LEASE,
  isFree,
  releaseLease,
  requestLease,
  withoutMessage,
} from '../../planning/lease.ts';

const AT = '2026-11-22T03:00:00.000Z';

function runOf(name: string): RunRef {
  return { workflowId: name, runId: `${name}-run` };
}

function aRequest(name: string, priority: LeasePriority = 'maintenance'): LeaseRequest {
  return { run: runOf(name), reason: `update by ${name}`, priority };
}

function ask(state: LeaseState, ...requests: LeaseRequest[]): LeaseState {
  return requests.reduce((before, request) => requestLease(before, request, AT), state);
}

function queued(state: LeaseState): string[] {
  return state.queue.map(({ run }) => run.workflowId);
}

describe('the lease', () => {
  it('is had at once by the first who asks, who needs no message', () => {
    const state = ask(FREE_LEASE, aRequest('a'));
    expect(answerFor(state, runOf('a'))).toEqual({ granted: true });
    expect(state.outbox).toEqual([]);
  });

  it('tells the others who has it and how many are before them', () => {
    const state = ask(FREE_LEASE, aRequest('a'), aRequest('b'), aRequest('c'));
    expect(answerFor(state, runOf('c'))).toMatchObject({ granted: false, holder: { run: runOf('a') }, ahead: 1 });
  });

  it('is the same after a run has asked twice', () => {
    const state = ask(FREE_LEASE, aRequest('a'), aRequest('b'));
    expect(ask(state, aRequest('b'), aRequest('a'))).toEqual(state);
  });

  it('goes to the next when it is released, who is told', () => {
    const state = releaseLease(ask(FREE_LEASE, aRequest('a'), aRequest('b')), runOf('a'), AT);
    expect(state.holder?.run).toEqual(runOf('b'));
    expect(state.outbox).toEqual([{ kind: 'granted', to: runOf('b') }]);
  });

  it('stays where it is when somebody releases who does not have it', () => {
    const state = ask(FREE_LEASE, aRequest('a'), aRequest('b'));
    expect(releaseLease(state, runOf('z'), AT)).toEqual(state);
    expect(releaseLease(state, { workflowId: 'a', runId: 'an older one' }, AT)).toEqual(state);
  });

  it('is free again after the last has released it twice', () => {
    const once = releaseLease(ask(FREE_LEASE, aRequest('a')), runOf('a'), AT);
    expect(isFree(releaseLease(once, runOf('a'), AT))).toBe(true);
  });

  it('has nothing to tell a run that gave up before it was told', () => {
    const state = releaseLease(ask(FREE_LEASE, aRequest('a'), aRequest('b')), runOf('a'), AT);
    expect(isFree(releaseLease(state, runOf('b'), AT))).toBe(true);
  });
});

describe('power', () => {
  const state = ask(FREE_LEASE, aRequest('a'), aRequest('b'), aRequest('ups', 'power'));

  it('goes before all who wait, and has the holder told once who needs the cluster and why', () => {
    expect(queued(state)).toEqual(['ups', 'b']);
    expect(state.outbox).toEqual([{ kind: 'preempted', to: runOf('a'), by: aRequest('ups', 'power') }]);
    expect(ask(state, aRequest('second-ups', 'power')).outbox).toEqual(state.outbox);
  });

  it('keeps the order among its own kind', () => {
    expect(queued(ask(state, aRequest('second-ups', 'power'), aRequest('c')))).toEqual(['ups', 'second-ups', 'b', 'c']);
  });

  it('does not drive out power', () => {
    const powered = ask(FREE_LEASE, aRequest('ups', 'power'), aRequest('second-ups', 'power'));
    expect(powered.outbox).toEqual([]);
  });

  it('is named to those who wait', () => {
    expect(describeHolder(state.holder!)).toBe(`a has the cluster since ${AT} (update by a, told to make way for ups)`);
  });
});

type Step =
  | { readonly kind: 'ask'; readonly name: string; readonly priority: LeasePriority }
  | { readonly kind: 'release'; readonly name: string }
  | { readonly kind: 'tell' }
  | { readonly kind: 'continue-as-new' };

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('ask' as const),
      name: names,
      priority: fc.constantFrom<LeasePriority>('maintenance', 'maintenance', 'power'),
    }),
    fc.record({ kind: fc.constant('release' as const), name: names }),
    fc.constant<Step>({ kind: 'tell' }),
    fc.constant<Step>({ kind: 'continue-as-new' }),
  ),
  { maxLength: 60 },
);

function take(state: LeaseState, step: Step): LeaseState {
  switch (step.kind) {
    case 'ask':
      return requestLease(state, aRequest(step.name, step.priority), AT);
    case 'release':
      return releaseLease(state, runOf(step.name), AT);
    case 'tell':
      return state.outbox[0] ? withoutMessage(state, state.outbox[0]) : state;
    case 'continue-as-new':
      return JSON.parse(JSON.stringify(state)) as LeaseState;
  }
}

describe('whatever runs ask, release and are told, in any order', () => {
  it('each that asked and did not release has the lease or waits, once', () => {
    fc.assert(
      fc.property(steps, (list) => {
        let state = FREE_LEASE;
        const wanting = new Set<string>();
        for (const step of list) {
          state = take(state, step);
          if (step.kind === 'ask') wanting.add(step.name);
          if (step.kind === 'release') wanting.delete(step.name);
          const known = [...(state.holder ? [state.holder.run.workflowId] : []), ...queued(state)];
          expect(known.sort()).toEqual([...wanting].sort());
          if (wanting.size > 0) expect(state.holder).not.toBeNull();
        }
      }),
    );
  });

  it('the lease changes hands only when its holder has released it', () => {
    fc.assert(
      fc.property(steps, (list) => {
        let state = FREE_LEASE;
        for (const step of list) {
          const before = state.holder?.run.workflowId;
          state = take(state, step);
          if (before === undefined || state.holder?.run.workflowId === before) continue;
          expect(step).toEqual({ kind: 'release', name: before });
        }
      }),
    );
  });

  it('turns come in the order of asking, those of power before all others', () => {
    fc.assert(
      fc.property(steps, (list) => {
        let state = FREE_LEASE;
        const order: { readonly name: string; readonly priority: LeasePriority }[] = [];
        for (const step of list) {
          const holder = state.holder?.run.workflowId;
          state = take(state, step);
          const waits = order.some(({ name }) => 'name' in step && name === step.name);
          if (step.kind === 'ask' && step.name !== holder && !waits) order.push(step);
          const gone = step.kind === 'release' ? [step.name] : [];
          const next = state.holder?.run.workflowId;
          order.splice(0, order.length, ...order.filter(({ name }) => ![...gone, next].includes(name)));
          const expected = [
            ...order.filter(({ priority }) => priority === 'power'),
            ...order.filter(({ priority }) => priority !== 'power'),
          ];
          expect(queued(state)).toEqual(expected.map(({ name }) => name));
        }
      }),
    );
  });

  it('nobody hears of a lease that is not its own', () => {
    fc.assert(
      fc.property(steps, (list) => {
        let state = FREE_LEASE;
        for (const step of list) {
          state = take(state, step);
          for (const message of state.outbox) expect(message.to).toEqual(state.holder?.run);
        }
      }),
    );
  });
});
