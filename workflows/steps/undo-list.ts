import { ApplicationFailure, CancellationScope, condition, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { toMilliseconds, type Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import { undoKey, type OvertakenUndo, type Undo, type UndoResult, type UndoView } from '../../domain/undo.ts';
import { joinLeftovers, pauseBeforeTry, type Leftover } from '../../planning/leftover.ts';
import { forgetUpdate, preemptedSignal, retryNowUpdate, undoMoreSignal, undoViewQuery } from '../messages.ts';
import { quickActivities } from './activities.ts';
import { undoDetails } from './details.ts';
import { isThisRun } from './lease.ts';
import { createUndoLedger } from './undo-ledger.ts';
import type { UndoScene } from './undo-one.ts';

/** Where the work stands; carried over when the run continues as new. */
export interface UndoListState {
  readonly tries: number;
  /** Milliseconds since the epoch. */
  readonly nextTry: number;
  readonly until: number;
  readonly undone: readonly Undo[];
  readonly overtaken: readonly OvertakenUndo[];
  readonly forgotten: readonly Undo[];
  readonly warnings: readonly string[];
}

export type UndoEnd = 'done' | 'given-up' | 'canceled';

/** What is still to be undone on one node, and what people and other runs say about it. */
export interface UndoList {
  /** How it ends, once it does. Another run may add to it even then. */
  end(): UndoEnd | null;
  isOpen(undo: Undo): boolean;
  /** Everything open stays, for the same reason. */
  holdAll(reason: string): void;
  /** Somebody needs the cluster more: nothing new is begun in this try. */
  readonly mustMakeWay: boolean;
  /** Waits for the next try, at most to the end; false when it was woken before it is due. */
  awaitNextTry(): Promise<boolean>;
  /** Waits for something else while this run has nothing to do but that; throws when the work has come to an end. */
  awaitEvent(what: string, done: () => boolean, milliseconds: number): Promise<boolean>;
  begin(): void;
  tried(): void;
  timeLeft(): Duration;
  left(): Leftover;
  state(): UndoListState;
  scene(): UndoScene;
  result(): UndoResult;
}

/** Enough for people; a guest that everybody moves about says the same again and again. */
const MOST_WARNINGS = 50;

/** Registers the handlers; call it first, in the scope whose cancellation shall be heard. */
export function listenForUndo(given: Leftover, before: UndoListState | undefined): UndoList {
  let left = given;
  const ledger = createUndoLedger(given.open);
  const undone = [...(before?.undone ?? [])];
  const overtaken = [...(before?.overtaken ?? [])];
  const forgotten = [...(before?.forgotten ?? [])];
  const warnings = new Set(before?.warnings);
  const patience = () => Date.now() + toMilliseconds(left.policy.timeouts.undoLater);
  let tries = before?.tries ?? 0;
  let nextTry = before?.nextTry ?? Date.now() + pauseBeforeTry(0);
  let until = before?.until ?? patience();
  let state = 'waits';
  let stirred = false;
  let cancelled = false;
  let mustMakeWay = false;

  const end = (): UndoEnd | null => {
    if (ledger.open().length === 0) return 'done';
    if (cancelled) return 'canceled';
    return Date.now() >= until ? 'given-up' : null;
  };
  const view = (): UndoView => ({
    cluster: left.cluster,
    node: left.node,
    open: ledger.left(),
    tries,
    state,
    nextTry: state === 'waits' ? inIso(nextTry) : null,
    until: inIso(until),
  });
  const stir = () => {
    stirred = true;
    setCurrentDetails(undoDetails(view()));
  };
  const become = (next: string) => {
    state = next;
    setCurrentDetails(undoDetails(view()));
  };
  const isOpen = (undo: Undo) => ledger.open().includes(undo);

  const retryNow = () => {
    const open = describeCount(ledger.open().length);
    if (state !== 'waits') return `it is at it already: ${state}; ${open}`;
    nextTry = Date.now();
    stir();
    return `tries now; ${open}`;
  };
  const forget = (key?: string) => {
    const leaving = ledger.open().filter((undo) => key === undefined || undoKey(undo) === key);
    for (const undo of leaving) ledger.settle(undo);
    forgotten.push(...leaving);
    stir();
    return `${leaving.map(undoKey).join(', ')}: left to you; ${describeCount(ledger.open().length)}`;
  };
  const refuseUnknown = (key?: unknown) => {
    const known = ledger.open().map(undoKey);
    if (key === undefined || known.some((each) => each === key)) return;
    throw ApplicationFailure.nonRetryable(
      `entry: there is no ${JSON.stringify(key)} here; name one of ${known.join(', ')}, or nothing for all`,
      ErrorType.InvalidInput,
    );
  };
  const add = (more: Leftover) => {
    left = joinLeftovers({ ...left, open: ledger.left() }, more);
    const news = new Set(more.open.map(({ undo }) => undoKey(undo)));
    for (const undo of ledger.open()) if (news.has(undoKey(undo))) ledger.settle(undo);
    for (const { undo, reason } of [...more.open].reverse()) {
      ledger.add(undo);
      ledger.hold(undo, reason);
    }
    tries = 0;
    nextTry = Date.now() + pauseBeforeTry(0);
    until = patience();
    cancelled = false;
    stir();
  };

  setHandler(undoViewQuery, view, { description: 'What is still to be undone, why, and when it is tried next.' });
  setHandler(retryNowUpdate, retryNow, { description: 'Try now.' });
  setHandler(forgetUpdate, forget, {
    validator: refuseUnknown,
    description: 'Leave it to people. Argument: the key of one entry, or nothing for all.',
  });
  setHandler(undoMoreSignal, add, { description: 'Sent by a run that has left something on the same node.' });
  setHandler(preemptedSignal, (_by, to) => void (mustMakeWay ||= isThisRun(to)), {
    description: 'Sent by the lease: begin nothing new in this try.',
  });
  void CancellationScope.current().cancelRequested.catch(() => {
    cancelled = true;
    stir();
  });
  become(state);

  return {
    end,
    isOpen,
    holdAll(reason) {
      for (const undo of ledger.open()) ledger.hold(undo, reason);
    },
    get mustMakeWay() {
      return mustMakeWay;
    },
    async awaitNextTry() {
      stirred = false;
      const pause = Math.max(1, Math.min(nextTry, until) - Date.now());
      await condition(() => stirred, pause, { summary: `pause before try ${tries + 1}` });
      return Date.now() >= nextTry && end() === null;
    },
    async awaitEvent(what, done, milliseconds) {
      become(`waits for ${what}`);
      const came = await condition(() => done() || end() !== null, milliseconds, { summary: what });
      become('tries');
      if (end() === null) return came;
      throw ApplicationFailure.nonRetryable(`waited in vain for ${what}`, ErrorType.Aborted);
    },
    begin() {
      mustMakeWay = false;
      become('tries');
    },
    tried() {
      tries += 1;
      nextTry = Date.now() + pauseBeforeTry(tries);
      become('waits');
    },
    timeLeft: () => `${Math.max(1, until - Date.now())} ms`,
    left: () => ({ ...left, open: ledger.left() }),
    state: () => ({ tries, nextTry, until, undone, overtaken, forgotten, warnings: [...warnings] }),
    scene: () => ({
      node: left.node,
      plan: left,
      policy: left.policy,
      ledger: {
        ...ledger,
        settle(undo) {
          // A person may have said meanwhile that it is his.
          if (isOpen(undo)) undone.push(undo);
          ledger.settle(undo);
          stir();
        },
      },
      journal: {
        guest: () => undefined,
        warn: (warning) => {
          if (warnings.size < MOST_WARNINGS) warnings.add(warning);
        },
      },
      quick: quickActivities(left.policy.timeouts.workerLost),
      overtaken(undo, reason) {
        if (isOpen(undo)) overtaken.push({ undo, reason });
        ledger.settle(undo);
        stir();
      },
    }),
    result: () => ({
      cluster: left.cluster,
      node: left.node,
      undone: [...undone],
      overtaken: [...overtaken],
      forgotten: [...forgotten],
      open: ledger.left(),
      warnings: [...warnings],
    }),
  };
}

function describeCount(open: number): string {
  return open === 0 ? 'nothing is left to be undone' : `${open} still to be undone`;
}

function inIso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
