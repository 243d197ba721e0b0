import type { ClusterSnapshot } from '../domain/cluster.ts';
import {
  FAILURE_ACTIONS,
  type Answer,
  type FailureAction,
  type FailureClass,
  type FailureResponse,
  type Question,
} from '../domain/decision.ts';
import type { FailurePolicy } from '../domain/policy.ts';

/**
 * What can be done about trouble now.
 *
 * @param guest The guest whose move failed, judged by a snapshot of this moment: it is only shut down where it still
 * runs on the node, held by nothing and nobody, and is not the one that the run itself lives in.
 */
export function optionsNow(
  about: FailureClass,
  guest: { readonly vmid: number; readonly node: string; readonly orchestratorGuest: number | null } | null,
  snapshot: ClusterSnapshot | null,
): FailureAction[] {
  const found = snapshot?.guests.find((each) => each.vmid === guest?.vmid);
  const canBeShutDown =
    guest !== null &&
    found !== undefined &&
    found.node === guest.node &&
    found.running &&
    found.lock === null &&
    found.ha === null &&
    found.vmid !== guest.orchestratorGuest;
  return FAILURE_ACTIONS[about].filter((action) => action !== 'shutdown-guest' || canBeShutDown);
}

/**
 * What the policy says after so many tries: a person is asked every time, a retry ends after `retries`, and what cannot
 * be done now is a stop.
 *
 * @param tries Attempts so far, the first one included.
 */
export function respond(
  policy: FailurePolicy,
  about: FailureClass,
  options: readonly FailureAction[],
  tries: number,
): FailureResponse {
  const wanted = policy[about];
  if (wanted === 'ask') return wanted;
  if (wanted === 'retry' && tries > policy.retries) return 'stop';
  return options.includes(wanted) ? wanted : 'stop';
}

/** What counts as chosen when nobody answers in time. */
export function defaultAnswer(policy: FailurePolicy, options: readonly FailureAction[]): FailureAction {
  return options.includes(policy.unanswered) ? policy.unanswered : 'stop';
}

/** Why an answer cannot be taken; null for a good one. */
export function whyNoAnswer(open: Question | null, { question, option }: Partial<Answer>): string | null {
  if (open === null) return 'no question is open now';
  if (question !== open.id) return `question: the open question is ${open.id}, not ${String(question)}`;
  if (open.options.some((each) => each === option)) return null;
  return `option: ${String(option)} is not one of ${open.options.join(', ')}`;
}

/** What every option does, for the person who is asked. */
export const MEANING: Readonly<Record<FailureAction, string>> = {
  retry: 'try again, after another look at the cluster',
  'shutdown-guest': 'shut the guest down in order instead, and start it again afterwards',
  'skip-node': 'tidy up, leave this node as it is and go on with the next',
  stop: 'tidy up and end the run',
};

/** One line for status, UI and mail. */
export function describeQuestion({ id, text, options, byDefault, deadline }: Question): string {
  return `decide ${id} (${options.join(', ')}; without an answer by ${deadline}: ${byDefault}): ${text}`;
}

/** What is mailed to the person who is asked. */
export function questionMail(question: Question): { readonly subject: string; readonly text: string } {
  const { id, node, text, options, byDefault, deadline } = question;
  return {
    subject: `${node} waits for your decision`,
    text: [
      text,
      '',
      'Answer with one of:',
      ...options.flatMap((option) => [`  caretaker decide ${id} ${option}`, `      ${MEANING[option]}`]),
      '',
      `Without an answer by ${deadline}: ${byDefault} (${MEANING[byDefault]}).`,
      '',
    ].join('\n'),
  };
}
