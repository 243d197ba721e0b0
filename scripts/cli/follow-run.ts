import { setTimeout as sleep } from 'node:timers/promises';
import { QueryNotRegisteredError, QueryRejectedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { Message } from '../../domain/messages.ts';
import type { RollPlan } from '../../domain/plan.ts';
import type { RollProgress } from '../../domain/report.ts';
import { LiveRegion } from './live-region.ts';
import { describeChanges } from './render/changes.ts';
import { renderPlan } from './render/plan.ts';
import { renderProgress } from './render/progress.ts';
import { wrap } from './render/style.ts';
import { readProgress } from './read-progress.ts';
import { awaitEnd, type RunEnd } from './run-end.ts';
import { isSilence } from './temporal.ts';
import { commandName, layoutFor, printLine, type Output } from './terminal.ts';

export interface FollowOptions {
  readonly out: Output;
  /** Draw a table in place instead of a line for every change. */
  readonly tty: boolean;
  /** Ends the following, never the run. */
  readonly signal: AbortSignal;
  /** Page of this run in the Web UI. */
  readonly uiUrl: string | null;
  /** Show the plan as soon as there is one; default true. */
  readonly showPlan?: boolean;
  readonly runId?: string;
  readonly env: NodeJS.ProcessEnv;
}

const LOOK_EVERY_MS = 1_000;
const QUERY_TIMEOUT_MS = 5_000;

/**
 * Shows a rolling update live until it is over or `signal` ends the following.
 *
 * @returns how the run ended, or null when the following ended before the run.
 */
export async function followRun(client: Client, workflowId: string, options: FollowOptions): Promise<RunEnd | null> {
  const handle = client.workflow.getHandle(workflowId, options.runId);
  const screen = options.tty ? new Screen(options) : new Log(options);
  const end = awaitEnd(handle);
  // Handled below; without this, a failure while a query is under way would be an unhandled rejection.
  end.catch(() => undefined);
  let over = false;
  const settled = end.finally(() => (over = true));
  settled.catch(() => undefined);
  let planShown = options.showPlan === false;
  while (!over && !options.signal.aborted) {
    const look = await lookAt(client, handle, planShown);
    if (look !== null && look.plan !== null) {
      screen.showPlan(look.plan);
      planShown = true;
    }
    screen.show(look?.progress ?? null);
    await Promise.race([settled.catch(() => undefined), pause(options.signal)]);
  }
  screen.close();
  return over ? end : null;
}

interface Look {
  readonly progress: RollProgress;
  /** Only when it was asked for and there is one. */
  readonly plan: RollPlan | null;
}

/** Null while no worker answers: the run itself is safe in Temporal. */
async function lookAt(client: Client, handle: WorkflowHandle, planKnown: boolean): Promise<Look | null> {
  try {
    return await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, async () => ({
      progress: await readProgress(client, handle),
      plan: planKnown ? null : await handle.query<RollPlan | null>(Message.plan),
    }));
  } catch (error) {
    if (isSilence(error) || error instanceof QueryNotRegisteredError || error instanceof QueryRejectedError)
      return null;
    throw error;
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
}

interface View {
  showPlan(plan: RollPlan): void;
  /** Null: nobody answered. */
  show(progress: RollProgress | null): void;
  close(): void;
}

const NO_ANSWER = 'No worker answers at the moment. The run is safe and goes on as soon as one is back.';

class Screen implements View {
  readonly #region: LiveRegion;
  readonly #options: FollowOptions;
  #last: RollProgress | null = null;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#region = new LiveRegion(options.out);
  }

  showPlan(plan: RollPlan): void {
    this.#region.clear();
    printLine(this.#options.out, `${renderPlan(plan, layoutFor(this.#options.out, this.#options.env))}\n`);
  }

  show(progress: RollProgress | null): void {
    this.#last = progress ?? this.#last;
    if (this.#last === null) {
      this.#region.draw('Waiting for the first news of the run …');
      return;
    }
    const { out, env, uiUrl } = this.#options;
    const layout = layoutFor(out, env);
    const table = renderProgress(this.#last, { ...layout, now: new Date(), webUiUrl: uiUrl });
    this.#region.draw(progress === null ? `${wrap(NO_ANSWER, layout.width)}\n\n${table}` : table);
  }

  close(): void {
    this.#region.clear();
  }
}

class Log implements View {
  readonly #options: FollowOptions;
  #last: RollProgress | null = null;
  #silent = false;

  constructor(options: FollowOptions) {
    this.#options = options;
    if (options.uiUrl !== null) this.#print(`Web UI ${options.uiUrl}`);
  }

  showPlan(plan: RollPlan): void {
    printLine(this.#options.out, `\n${renderPlan(plan, layoutFor(this.#options.out, this.#options.env))}\n`);
  }

  show(progress: RollProgress | null): void {
    if (progress === null) {
      if (!this.#silent && this.#last !== null) this.#print(NO_ANSWER);
      this.#silent = true;
      return;
    }
    this.#silent = false;
    const command = commandName(this.#options.env);
    for (const line of describeChanges(this.#last, progress, command)) this.#print(line);
    this.#last = progress;
  }

  close(): void {
    // Every line stands already.
  }

  #print(line: string): void {
    printLine(this.#options.out, `${new Date().toTimeString().slice(0, 8)}  ${line}`);
  }
}
