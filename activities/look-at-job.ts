import { activityInfo, ApplicationFailure, cancellationSignal } from '@temporalio/activity';
import { toSeconds, type Duration } from '../domain/duration.ts';
import type { ErrorType } from '../domain/errors.ts';
import type { Look } from './await-world.ts';
import type { ActivityDeps } from './deps.ts';
import { report } from './guard.ts';

/** A failure carries no more than this of the end of the log. */
const TAIL_CHARACTERS = 2_000;

export interface ShortJob {
  readonly node: string;
  /** Names the work: found again by every attempt. */
  readonly id: string;
  /** For people: `apt-get autoremove`. */
  readonly what: string;
  /** A sh script; what it says after `E:` is why it failed. */
  readonly command: string;
  readonly within: Duration;
  readonly errorType: ErrorType;
  readonly remedy: string;
}

/**
 * Starts a job on a node unless it was, and follows it to its end. One that does not end well is a failure for good, with
 * the end of its log as detail.
 */
export async function lookAtJob(deps: ActivityDeps, job: ShortJob): Promise<Look<true>> {
  const { node, id, what, command, within, errorType, remedy } = job;
  const jobs = deps.jobs(node);
  await jobs.ensureStarted({
    id,
    command,
    timeoutSeconds: Math.ceil(toSeconds(within)),
    description: `Caretaker: ${what} on ${node} (${activityInfo().workflowExecution?.workflowId ?? id})`,
  });
  let log = '';
  const onChunk = (chunk: string) => {
    log += chunk;
    report({ waitingFor: what });
  };
  const end = await jobs.follow({
    id,
    fromOffset: 0,
    signal: cancellationSignal(),
    onChunk,
    pollMs: deps.polling.intervalMs,
  });
  if (end.state === 'finished' && end.exitCode === 0) return { found: true };
  if (end.state === 'absent') return { waitingFor: 'its job has not begun' };
  const lines = log.split('\n').filter((line) => line.trim() !== '');
  const why = lines.findLast((line) => /^(E:|dpkg: error)/.test(line)) ?? lines.at(-1) ?? end.state;
  throw ApplicationFailure.create({
    type: errorType,
    message: `${what} on ${node} did not end well: ${why}. ${remedy}`,
    nonRetryable: true,
    details: [{ log: log.slice(-TAIL_CHARACTERS) }],
  });
}
