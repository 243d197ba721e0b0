import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { FailureAction, FailureClass, Question } from '../../domain/decision.ts';
import { toMilliseconds } from '../../domain/duration.ts';
import { ErrorType } from '../../domain/errors.ts';
import type { Policy } from '../../domain/policy.ts';
import { defaultAnswer, questionMail, respond } from '../../planning/decide.ts';
import { now } from './clock.ts';
import { explain, failureType, isAskedFor } from './failures.ts';
import type { NodeJournal } from './node-journal.ts';
import { notify } from './notify.ts';
import type { Operator } from './operator.ts';

export interface Trouble {
  readonly about: FailureClass;
  /** What can be done about it now. */
  readonly options: () => Promise<readonly FailureAction[]>;
  /** Looks at the world before another try; throws while that would not be safe. */
  readonly checkAgain: (tries: number) => Promise<void>;
}

/** Decides about the troubles of one node, one after the other, as the policy and people say. */
export interface Recovery {
  /**
   * What to do about a failure after so many tries. Returns `retry` when it is time for that, or `shutdown-guest`;
   * throws the failure for `stop`, and `NodeSkipped` for `skip-node`.
   */
  choose(error: unknown, trouble: Trouble, tries: number): Promise<'retry' | 'shutdown-guest'>;
}

interface Scene {
  readonly node: string;
  readonly policy: Policy;
  readonly journal: NodeJournal;
  readonly operator: Operator;
}

export function createRecovery({ node, policy, journal, operator }: Scene): Recovery {
  let turn: Promise<unknown> = Promise.resolve();
  let asked = 0;
  // Once one guest's trouble has ended the update, the others' need no answer any more.
  let ended = false;

  const ask = async (text: string, about: FailureClass, options: readonly FailureAction[]): Promise<FailureAction> => {
    asked += 1;
    const { decision: within } = policy.timeouts;
    const question: Question = {
      id: `${node}-${asked}-${workflowInfo().runId.slice(0, 4)}`,
      node,
      about,
      text,
      options,
      askedAt: now(),
      deadline: new Date(Date.now() + toMilliseconds(within)).toISOString(),
      byDefault: defaultAnswer(policy.onFailure, options),
    };
    operator.stopIfAsked();
    journal.asks(question);
    try {
      // It is open before anybody can have read of it: an answer that came too early would be lost.
      const [decision] = await Promise.all([
        operator.ask(question, within),
        notify({ id: `decision/${workflowInfo().runId}/${asked}`, ...questionMail(question) }),
      ]);
      journal.decided(decision);
      return decision.answer;
    } finally {
      journal.asks(null);
    }
  };

  const decide = async (error: unknown, { about, options }: Trouble, tries: number): Promise<FailureAction> => {
    if (ended) return 'stop';
    const now = await options();
    const response = respond(policy.onFailure, about, now, tries);
    const action = response === 'ask' ? await ask(explain(error), about, now) : response;
    ended = action === 'stop' || action === 'skip-node';
    return action;
  };

  return {
    async choose(error, trouble, tries) {
      if (mustEnd(error)) throw error;
      const mine = turn.then(() => decide(error, trouble, tries));
      turn = mine.catch(() => undefined);
      const action = await mine;
      if (action === 'retry' || action === 'shutdown-guest') {
        // A person has taken the time already.
        if (action === 'retry' && policy.onFailure[trouble.about] === 'retry')
          await operator.rest(policy.onFailure.pause);
        await operator.safePoint();
        return action;
      }
      if (action === 'stop') throw error;
      throw ApplicationFailure.create({
        type: ErrorType.NodeSkipped,
        message: `${node} is skipped: ${explain(error)}`,
        nonRetryable: true,
        ...(error instanceof Error ? { cause: error } : {}),
      });
    },
  };
}

/**
 * Runs a step again for as long as the answer to its failure is `retry`.
 *
 * @param instead Shuts the guest down that the step is about; left out where there is none.
 */
export async function recovering<T>(
  recovery: Recovery,
  trouble: Trouble,
  step: (tries: number) => Promise<T>,
  instead?: () => Promise<T>,
): Promise<T> {
  let shutDown = false;
  for (let tries = 1; ; tries += 1) {
    try {
      if (tries > 1) await trouble.checkAgain(tries);
      // A guest that is on its way, or held, since the answer was given is left to the step.
      const now = shutDown ? await trouble.options() : [];
      if (!now.includes('shutdown-guest') || instead === undefined) return await step(tries);
    } catch (error) {
      shutDown = (await recovery.choose(error, trouble, tries)) === 'shutdown-guest';
      continue;
    }
    return instead();
  }
}

/** Nobody is asked about the end that somebody asked for, and no answer mends a wrong input. */
function mustEnd(error: unknown): boolean {
  return isAskedFor(error) || failureType(error) === ErrorType.InvalidInput;
}
