import {
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type WorkflowHandle,
} from '@temporalio/client';
import type { Answer } from '../../domain/decision.ts';
import { TaskQueue, type QueueName } from '../../domain/task-queues.ts';
import { startOfWorker, type Session } from './context.ts';
import { requireRunning } from './current-run.ts';
import { sentence } from './render/words.ts';
import { hasWorker, isSilence } from './temporal.ts';
import { CliError, printJson, printLine, type ExitCode } from './terminal.ts';

const ANSWER_TIMEOUT_MS = 15_000;

export interface OperatorRequest {
  /** Name of the workflow's update, and of its signal if `lasting`. */
  readonly name: string;
  /** What the update takes, if it takes anything. */
  readonly argument?: string | Answer;
  /** What happens, when the workflow's own answer says nothing. */
  readonly done: string;
  /** It may wait for a worker as a signal when none runs now. */
  readonly lasting: boolean;
  /** Of the worker that answers for the run. */
  readonly queue?: QueueName;
}

/** Asks the running rolling update for something and prints its answer. */
export async function request(
  session: Session,
  wanted: OperatorRequest,
  { json = false }: { readonly json?: boolean },
): Promise<ExitCode> {
  const { handle, identity } = await requireRunning(session);
  const answer = await ask(session, handle, wanted);
  if (json) printJson(session.terminal.stdout, { ...identity, answer });
  else printLine(session.terminal.stdout, answer);
  return 0;
}

/**
 * Asks a run for something and returns its answer.
 *
 * @throws {CliError} when it refuses, or when nobody answers for it.
 */
export async function ask(
  session: Session,
  handle: WorkflowHandle,
  { name, argument, done, lasting, queue = TaskQueue.maintenance }: OperatorRequest,
): Promise<string> {
  if (!(await hasWorker(session, queue))) {
    if (!lasting) throw noWorker(queue);
    await handle.signal(name);
    return 'No worker runs at the moment. The request is stored and takes effect as soon as one is back.';
  }
  try {
    const answer = await session.client.withDeadline(Date.now() + ANSWER_TIMEOUT_MS, () =>
      argument === undefined
        ? handle.executeUpdate<unknown, []>(name)
        : handle.executeUpdate<unknown, [string | Answer]>(name, { args: [argument] }),
    );
    return typeof answer === 'string' && answer !== '' ? sentence(answer) : done;
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      throw new CliError(`The run refused: ${sentence(error.cause?.message ?? error.message)}`, 1);
    }
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isSilence(error)) throw noWorker(queue);
    throw error;
  }
}

function noWorker(queue: QueueName): CliError {
  return new CliError(`No worker answers for the run. Start one with \`${startOfWorker(queue)}\` and try again.`);
}
