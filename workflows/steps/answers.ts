import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import type { Answer, FailureAction, Question } from '../../domain/decision.ts';
import { ErrorType } from '../../domain/errors.ts';
import { whyNoAnswer } from '../../planning/decide.ts';
import { decideSignal, decideUpdate, questionQuery } from '../messages.ts';

/** The question that is open, and the ear for its answer. */
export interface Answers {
  /** The open question of this run or of its child. */
  readonly question: Question | null;
  open(question: Question): { answer(): FailureAction | null; close(): void };
}

/**
 * Registers the handlers of `decide`. A wrong answer is refused at once; as a signal, which has no way to refuse, it is
 * dropped.
 *
 * @param ofChild The question that a child asks; its answer is passed on to the child.
 */
export function listenToAnswers(
  onChange: () => void,
  ofChild: () => Question | null,
  passOn: (answer: Answer) => void,
): Answers {
  let own: Question | null = null;
  let given: FailureAction | null = null;
  let passedOn: string | null = null;

  const openQuestion = (): Question | null => {
    if (own !== null) return given === null ? own : null;
    const asked = ofChild();
    // The child hears the answer a moment later; until then it seems to ask still.
    return asked?.id === passedOn ? null : asked;
  };
  const decide = (answer: Answer): string => {
    if (own === null) {
      passedOn = answer.question;
      passOn(answer);
    } else {
      given = own.options.find((option) => option === answer.option) ?? null;
    }
    onChange();
    return `${answer.option} it is`;
  };

  setHandler(decideUpdate, decide, {
    validator: (answer: Partial<Answer> | undefined) => {
      const why = whyNoAnswer(openQuestion(), answer ?? {});
      if (why !== null) throw ApplicationFailure.nonRetryable(why, ErrorType.InvalidInput);
    },
    description: 'Answer the open question. Argument: {"question": "<its id>", "option": "<one of its options>"}.',
  });
  setHandler(
    decideSignal,
    (answer) => {
      if (whyNoAnswer(openQuestion(), answer ?? {}) === null) decide(answer);
    },
    { description: 'The same as a signal; a wrong answer is dropped.' },
  );
  setHandler(questionQuery, openQuestion, {
    description: 'The open question with its options; null when there is none.',
  });

  return {
    get question() {
      return openQuestion();
    },
    open(question) {
      own = question;
      given = null;
      return {
        answer: () => given,
        close() {
          own = null;
        },
      };
    },
  };
}
