import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  setHandler,
  type ChildWorkflowHandle,
  type SignalDefinition,
  type Workflow,
} from '@temporalio/workflow';
import type { Answer, Decision, Question } from '../../domain/decision.ts';
import type { Duration } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { LeaseRequest, RunRef } from '../../domain/lease.ts';
import { describeQuestion } from '../../planning/decide.ts';
import {
  abortSignal,
  abortUpdate,
  approveSignal,
  approveUpdate,
  decideSignal,
  pauseSignal,
  pauseUpdate,
  preemptedSignal,
  resumeSignal,
  resumeUpdate,
} from '../messages.ts';
import { listenToAnswers } from './answers.ts';
import { now } from './clock.ts';
import { isThisRun } from './lease.ts';

type Child = Pick<ChildWorkflowHandle<Workflow>, 'signal'>;

interface Heard {
  readonly handle: Child;
  readonly cancel: () => void;
}

/** What people asked of a run. The run obeys at its safe points: between steps, never in the middle of one. */
export interface Operator {
  readonly paused: boolean;
  /** The run itself was cancelled, not only a part of it. */
  readonly cancelled: boolean;
  /** The run shall end: it was aborted, cancelled or pre-empted. */
  readonly ending: boolean;
  /** What the run waits for, or null. */
  readonly waitingFor: string | null;
  /** ISO 8601: when the run goes on by itself, or null. */
  readonly waitingUntil: string | null;
  /** A person is asked to `approve` what the run waits for. */
  readonly asking: boolean;
  /** The open question, of the run itself or of its child. */
  readonly question: Question | null;
  /** Throws `Aborted` or the cancellation when the run shall end or make way; does not hold. */
  stopIfAsked(): void;
  /** Holds while paused. Throws `Aborted` or the cancellation when the run shall end. */
  safePoint(): Promise<void>;
  /** Waits for something else than a person; false when it did not come in time. Ends like a safe point. */
  awaitEvent(what: string, done: () => boolean, milliseconds: number): Promise<boolean>;
  /** Waits for `approve`; throws `Refused` after `timeout`. */
  awaitApproval(question: string, timeout: Duration): Promise<void>;
  /** Waits for a point in time (ISO 8601), or until `done` if that comes first. */
  waitUntil(time: string, what: string, done: () => boolean): Promise<void>;
  /** Waits for the answer to a question; after `timeout` its default counts as the answer. */
  ask(question: Question, timeout: Duration): Promise<Decision>;
  /** Lets time pass; throws as `safePoint` does, as soon as it is asked for. */
  rest(duration: Duration): Promise<void>;
  /** Passes every later request on to a child, one of several it may be, until the result is called. */
  forwardTo(child: Child, cancelChild: () => void): () => void;
}

/** What a child waits for from a person. */
export interface ChildAsks {
  readonly approval: () => boolean;
  readonly question: () => Question | null;
}

const NO_CHILD: ChildAsks = { approval: () => false, question: () => null };

/**
 * Registers the handlers that every maintenance workflow has. Call it first, outside any inner scope: it hears the
 * cancellation of the scope it is called in, while the work itself runs in a scope that cannot be cancelled. So a
 * cancelled run ends like an aborted one: after the current step, and tidied up.
 *
 * @param ofChild What a child waits for; answers are passed on to it.
 */
export function listenToOperator(onChange: () => void, ofChild: ChildAsks = NO_CHILD): Operator {
  let paused = false;
  let aborted = false;
  let cancelled = false;
  let preemptedBy: LeaseRequest | null = null;
  let approvals = 0;
  let asking = false;
  let waitingFor: string | null = null;
  let waitingUntil: string | null = null;
  const children = new Set<Heard>();

  const forward = <Args extends unknown[]>(signal: SignalDefinition<Args>, ...args: Args) => {
    for (const child of children) tell(child, signal, ...args);
  };
  const answers = listenToAnswers(onChange, ofChild.question, (answer: Answer) => forward(decideSignal, answer));
  const pause = () => {
    paused = true;
    forward(pauseSignal);
    onChange();
    return 'will hold at the next safe point';
  };
  const resume = () => {
    const held = paused;
    paused = false;
    forward(resumeSignal);
    onChange();
    return held ? 'goes on' : 'was not paused';
  };
  const somethingAsks = () => asking || ofChild.approval();
  const approve = () => {
    approvals += 1;
    forward(approveSignal);
    return 'approved';
  };
  const approveOrRefuse = () => {
    if (somethingAsks()) return approve();
    throw ApplicationFailure.nonRetryable('nothing waits for an approval now', ErrorType.InvalidInput);
  };
  const abort = () => {
    aborted = true;
    forward(abortSignal);
    onChange();
    return 'will stop after the current step and tidy up';
  };

  const makeWay = (by: LeaseRequest, to?: RunRef) => {
    if (typeof (by as Partial<LeaseRequest> | undefined)?.run?.workflowId !== 'string' || !isThisRun(to)) return;
    preemptedBy = by;
    forward(preemptedSignal, by);
    onChange();
  };

  setHandler(pauseUpdate, pause, { description: 'Hold at the next safe point.' });
  setHandler(pauseSignal, () => void pause(), { description: 'Hold at the next safe point.' });
  setHandler(resumeUpdate, resume, { description: 'Go on after a pause.' });
  setHandler(resumeSignal, () => void resume(), { description: 'Go on after a pause.' });
  setHandler(approveUpdate, approveOrRefuse, { description: 'Agree to what the run waits for.' });
  setHandler(approveSignal, () => void approve(), {
    description: 'Agree to what the run waits for.',
  });
  setHandler(abortUpdate, abort, { description: 'Stop after the current step and tidy up.' });
  setHandler(abortSignal, () => void abort(), { description: 'Stop after the current step and tidy up.' });

  setHandler(preemptedSignal, makeWay, { description: 'Sent by the lease: stop after the current step and tidy up.' });

  void CancellationScope.current().cancelRequested.catch(() => {
    cancelled = true;
    for (const { cancel } of children) cancel();
  });

  const throwIfEnding = () => {
    if (cancelled) throw new CancelledFailure('The run was cancelled.');
    if (preemptedBy !== null)
      throw abortedBecause(`Pre-empted by ${preemptedBy.run.workflowId}: ${preemptedBy.reason}`);
    if (aborted) throw abortedBecause('An operator asked to stop');
  };
  const ending = () => aborted || cancelled || preemptedBy !== null;
  const waitFor = async (
    what: string,
    done: () => boolean,
    timeout?: Duration | number,
    summary = what,
  ): Promise<boolean> => {
    waitingFor = what;
    onChange();
    const ended = () => done() || ending();
    const inTime =
      timeout === undefined ? (await condition(ended), true) : await condition(ended, timeout, { summary });
    waitingFor = null;
    onChange();
    throwIfEnding();
    return inTime;
  };

  return {
    get paused() {
      return paused;
    },
    get cancelled() {
      return cancelled;
    },
    get ending() {
      return ending();
    },
    get waitingFor() {
      return waitingFor;
    },
    get waitingUntil() {
      return waitingUntil;
    },
    get asking() {
      return asking;
    },
    get question() {
      return answers.question;
    },
    stopIfAsked: throwIfEnding,
    async awaitEvent(what, done, milliseconds) {
      throwIfEnding();
      return waitFor(what, done, milliseconds);
    },
    async safePoint() {
      throwIfEnding();
      if (paused) await waitFor('resume', () => !paused);
    },
    async awaitApproval(question, timeout) {
      throwIfEnding();
      const before = approvals;
      asking = true;
      const approved = await waitFor(question, () => approvals > before, timeout).finally(() => {
        asking = false;
      });
      if (approved) return;
      throw ApplicationFailure.create({
        type: ErrorType.Refused,
        message: `Nobody approved within ${timeout}: ${question}. Start again when somebody can.`,
        nonRetryable: true,
      });
    },
    async waitUntil(time, what, done) {
      throwIfEnding();
      waitingUntil = time;
      await waitFor(what, done, Math.max(1, Date.parse(time) - Date.now())).finally(() => {
        waitingUntil = null;
      });
    },
    async ask(question, timeout) {
      throwIfEnding();
      const asked = answers.open(question);
      try {
        await waitFor(describeQuestion(question), () => asked.answer() !== null, timeout, `${question.id} is open`);
      } finally {
        asked.close();
      }
      const answer = asked.answer();
      return {
        question,
        answer: answer ?? question.byDefault,
        by: answer === null ? 'deadline' : 'person',
        answeredAt: now(),
      };
    },
    async rest(duration) {
      await condition(ending, duration, { summary: 'pause before another try' });
      throwIfEnding();
    },
    forwardTo(handle, cancel) {
      const child = { handle, cancel };
      children.add(child);
      // What was asked for while the child was being started.
      if (paused) tell(child, pauseSignal);
      if (aborted) tell(child, abortSignal);
      if (preemptedBy) tell(child, preemptedSignal, preemptedBy);
      if (cancelled) cancel();
      return () => void children.delete(child);
    },
  };
}

function tell<Args extends unknown[]>({ handle }: Heard, signal: SignalDefinition<Args>, ...args: Args): void {
  // The child may have ended in this moment: then there is nobody left to tell.
  void handle.signal(signal, ...args).catch(() => undefined);
}

function abortedBecause(why: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: ErrorType.Aborted,
    message: `${why}. Start again when you want to go on: what is finished is skipped.`,
    nonRetryable: true,
  });
}
