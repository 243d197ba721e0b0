/** Kinds of trouble that a policy speaks of; each is a step that did not end as it should. */
export type FailureClass = 'refused' | 'guestMove' | 'guestShutdown' | 'haMove' | 'upgrade' | 'reboot' | 'rejoin';

/** How a run goes on after trouble. `stop` takes back what was changed and ends the run. */
export type FailureAction = 'retry' | 'shutdown-guest' | 'skip-node' | 'stop';

/** What a policy may say: an action, or to ask a person for one. */
export type FailureResponse = FailureAction | 'ask';

/** What is safe for each kind of trouble; nothing else is offered, and a policy that says otherwise is refused. */
export const FAILURE_ACTIONS: Readonly<Record<FailureClass, readonly FailureAction[]>> = {
  refused: ['retry', 'skip-node', 'stop'],
  guestMove: ['retry', 'shutdown-guest', 'skip-node', 'stop'],
  guestShutdown: ['retry', 'skip-node', 'stop'],
  haMove: ['retry', 'skip-node', 'stop'],
  upgrade: ['retry', 'stop'],
  reboot: ['retry', 'stop'],
  rejoin: ['retry', 'stop'],
};

/** Why an action is not safe for a kind of trouble; completes the sentence "it must not be <action>, because …". */
export function whyUnsafe(about: FailureClass, action: FailureAction): string | null {
  if (FAILURE_ACTIONS[about].includes(action)) return null;
  if (action === 'skip-node') {
    if (about === 'upgrade') return 'packages that failed on one node would fail on the next';
    return 'the node may be away, and the next one would be the second';
  }
  if (about === 'guestShutdown') return 'that is what failed, and a guest is never killed';
  if (about === 'haMove') return 'the HA manager would start the guest again';
  return 'no guest is the reason';
}

/** What a run asks of a person; it waits for the answer, at no cost, until the deadline. */
export interface Question {
  /** Such as `pve-node1-2-8f3a`: a late answer to an old question is never taken for one to a new question. */
  readonly id: string;
  readonly node: string;
  readonly about: FailureClass;
  /** What happened, in one sentence. */
  readonly text: string;
  /** What can be chosen, judged by the world at the moment of asking. */
  readonly options: readonly FailureAction[];
  /** ISO 8601. */
  readonly askedAt: string;
  /** ISO 8601; after it, `byDefault` counts as chosen. */
  readonly deadline: string;
  readonly byDefault: FailureAction;
}

/** Argument of the update and the signal `decide`. */
export interface Answer {
  readonly question: string;
  readonly option: string;
}

/** What became of a question. */
export interface Decision {
  readonly question: Question;
  readonly answer: FailureAction;
  readonly by: 'person' | 'deadline';
  /** ISO 8601. */
  readonly answeredAt: string;
}
