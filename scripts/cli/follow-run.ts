import { setTimeout as sleep } from 'node:timers/promises';
import { QueryNotRegisteredError, QueryRejectedError, type Client, type WorkflowHandle } from '@temporalio/client';
import type { RollPlan } from '../../domain/plan.ts';
import { LiveRegion } from './live-region.ts';
import { renderPlan } from './render/plan.ts';
import { wrap } from './render/style.ts';
import { awaitEnd, type RunEnd } from './run-end.ts';
import type { AnyReport, RunKind } from './run-kind.ts';
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
 * Shows a run live until it is over or `signal` ends the following.
 *
 * @returns how the run ended, or null when the following ended before the run.
 */
export async function followRun<Progress, Report extends AnyReport>(
  kind: RunKind<Progress, Report>,
  client: Client,
  workflowId: string,
  options: FollowOptions,
): Promise<RunEnd<Report> | null> {
  const handle = client.workflow.getHandle(workflowId, options.runId);
  // One that continues as new goes on under another run id; waiting for its end finds the way by itself.
  const asked = kind.readPlan ? handle : client.workflow.getHandle(workflowId);
  const screen = options.tty ? new Screen(kind, options) : new Log(kind, options);
  const end = awaitEnd(kind, handle);
  // Handled below; without this, a failure while a query is under way would be an unhandled rejection.
  end.catch(() => undefined);
  let over = false;
  const settled = end.finally(() => (over = true));
  settled.catch(() => undefined);
  let planShown = options.showPlan === false;
  while (!over && !options.signal.aborted) {
    const look = await lookAt(kind, client, planShown, asked);
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

interface Look<Progress> {
  readonly progress: Progress;
  /** Only when it was asked for and there is one. */
  readonly plan: RollPlan | null;
}

/** Null while no worker answers: the run itself is safe in Temporal. */
async function lookAt<Progress>(
  kind: Pick<RunKind<Progress, AnyReport>, 'read' | 'readPlan'>,
  client: Client,
  planKnown: boolean,
  handle: WorkflowHandle,
): Promise<Look<Progress> | null> {
  try {
    return await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, async () => ({
      progress: await kind.read(client, handle),
      plan: planKnown ? null : ((await kind.readPlan?.(handle)) ?? null),
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

interface View<Progress> {
  showPlan(plan: RollPlan): void;
  /** Null: nobody answered. */
  show(progress: Progress | null): void;
  close(): void;
}

const NO_ANSWER = 'No worker answers at the moment. The run is safe and goes on as soon as one is back.';

class Screen<Progress> implements View<Progress> {
  readonly #region: LiveRegion;
  readonly #kind: Pick<RunKind<Progress, AnyReport>, 'renderProgress'>;
  readonly #options: FollowOptions;
  #last: Progress | null = null;

  constructor(kind: Pick<RunKind<Progress, AnyReport>, 'renderProgress'>, options: FollowOptions) {
    this.#kind = kind;
    this.#options = options;
    this.#region = new LiveRegion(options.out);
  }

  showPlan(plan: RollPlan): void {
    this.#region.clear();
    printLine(this.#options.out, `${renderPlan(plan, layoutFor(this.#options.out, this.#options.env))}\n`);
  }

  show(progress: Progress | null): void {
    this.#last = progress ?? this.#last;
    if (this.#last === null) {
      this.#region.draw('Waiting for the first news of the run …');
      return;
    }
    const { out, env, uiUrl } = this.#options;
    const layout = layoutFor(out, env);
    const table = this.#kind.renderProgress(this.#last, { ...layout, now: new Date(), webUiUrl: uiUrl });
    this.#region.draw(progress === null ? `${wrap(NO_ANSWER, layout.width)}\n\n${table}` : table);
  }

  close(): void {
    this.#region.clear();
  }
}

class Log<Progress> implements View<Progress> {
  readonly #kind: Pick<RunKind<Progress, AnyReport>, 'changes'>;
  readonly #options: FollowOptions;
  #last: Progress | null = null;
  #silent = false;

  constructor(kind: Pick<RunKind<Progress, AnyReport>, 'changes'>, options: FollowOptions) {
    this.#kind = kind;
    this.#options = options;
    if (options.uiUrl !== null) this.#print(`Web UI ${options.uiUrl}`);
  }

  showPlan(plan: RollPlan): void {
    printLine(this.#options.out, `\n${renderPlan(plan, layoutFor(this.#options.out, this.#options.env))}\n`);
  }

  show(progress: Progress | null): void {
    if (progress === null) {
      if (!this.#silent && this.#last !== null) this.#print(NO_ANSWER);
      this.#silent = true;
      return;
    }
    this.#silent = false;
    const command = commandName(this.#options.env);
    for (const line of this.#kind.changes(this.#last, progress, command)) this.#print(line);
    this.#last = progress;
  }

  close(): void {
    // Every line stands already.
  }

  #print(line: string): void {
    printLine(this.#options.out, `${new Date().toTimeString().slice(0, 8)}  ${line}`);
  }
}
