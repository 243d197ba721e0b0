import { cancellationSignal } from '@temporalio/activity';
import type { ProxmoxClient, TaskResult } from '../clients/proxmox/index.ts';
import { NoClearAnswer } from './guard.ts';

/** Timers of Node hold no more than 31 bits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface FollowTaskOptions {
  /** What the task does, for the error: `the migration`. */
  readonly what: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
}

/**
 * Waits for the end of a task, but no longer than until `deadline`: then throws a failure that may pass, so that the
 * activity ends with its own explanation and not by a timeout of Temporal. The task itself goes on.
 */
export async function followTask(
  proxmox: ProxmoxClient,
  upid: string,
  { what, deadline }: FollowTaskOptions,
): Promise<TaskResult> {
  const left = Math.max(0, deadline - Date.now());
  const over = AbortSignal.timeout(Math.min(left, LONGEST_TIMER_MS));
  const cancelled = cancellationSignal();
  try {
    return await proxmox.task(upid).follow({ signal: AbortSignal.any([cancelled, over]) });
  } catch (error) {
    if (over.aborted && !cancelled.aborted) throw new NoClearAnswer(`${what} still runs`);
    throw error;
  }
}

/**
 * Follows the task of that kind that runs already; else starts one, so that a second attempt starts no second task.
 * After `deadline` none is started: nobody would see to its end.
 */
export async function followOrStart(
  proxmox: ProxmoxClient,
  task: { readonly node: string; readonly type: string; readonly id: string },
  post: () => Promise<string>,
  options: FollowTaskOptions,
): Promise<TaskResult> {
  const running = await proxmox.findRunningTask(task);
  if (running === undefined && Date.now() >= options.deadline) {
    throw new NoClearAnswer(`there is no time left for ${options.what}`);
  }
  return followTask(proxmox, running ?? (await proxmox.startTask({ ...task, post })), options);
}

export function describeResult(what: string, result: TaskResult): string {
  if (result.status === 'ok' || result.status === 'warnings') return `${what} has ended, its effect does not show yet`;
  const last = result.log.at(-1);
  return `${what} ended with "${result.exitstatus}"${last === undefined ? '' : ` (${last})`}`;
}
