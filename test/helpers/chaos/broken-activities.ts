import { activityInfo } from '@temporalio/activity';
import type { ActivityExecuteInput } from '@temporalio/worker';

/**
 * Mistakes that a sweep has to find, made on purpose: changes of an activity's input that take away what makes it safe
 * to repeat.
 */
const BREAKAGES = {
  /** Every attempt names the job on the node anew, so that it starts a second upgrade beside the first. */
  'a-job-for-each-attempt': (input: ActivityExecuteInput): ActivityExecuteInput => {
    const { activityType, attempt } = activityInfo();
    const [first] = input.args as { jobId: string }[];
    if (activityType !== 'upgradeNode' || first === undefined) return input;
    return { ...input, args: [{ ...first, jobId: `${first.jobId}-try-${attempt}` }] };
  },
} as const;

export type Breakage = keyof typeof BREAKAGES;

export function breakage(name: string | undefined): (input: ActivityExecuteInput) => ActivityExecuteInput {
  return name === undefined ? (input) => input : BREAKAGES[name as Breakage];
}
