import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll } from 'vitest';
import { Message } from '../../../domain/messages.ts';
import type { OutageProgress, OutageReport } from '../../../domain/outage.ts';
import { registerSearchAttributes } from '../../../workers/search-attributes.ts';
import { connectToDevServer } from '../temporal.ts';
import { breachesOf } from './judge.ts';
import { PowerRun, type PowerRunOptions } from './power-run.ts';
import type { Change } from './virtual-site.ts';

/** When the mains fail in the days below. */
export const BEGIN = 60;

/** The mains fail at {@link BEGIN} and come back after so many seconds. */
export function outFor(seconds: number): Change<boolean>[] {
  return [
    { at: BEGIN, value: false },
    { at: BEGIN + seconds, value: true },
  ];
}

export interface Day {
  readonly run: PowerRun;
  readonly report: OutageReport | null;
  /** What happened, without the seconds. */
  readonly story: readonly string[];
  readonly breaches: readonly string[];
}

/** Connections to the dev server for the tests of a file. */
export function usePowerEnvironment(): () => TestWorkflowEnvironment {
  let environment: TestWorkflowEnvironment;
  beforeAll(async () => {
    environment = await connectToDevServer();
    await registerSearchAttributes(environment.connection, 'default');
  });
  afterAll(() => environment.teardown());
  return () => environment;
}

export async function live(environment: TestWorkflowEnvironment, options: PowerRunOptions): Promise<Day> {
  const run = new PowerRun(environment, options);
  const report = await run.live();
  return { run, report, story: run.site.events.map(({ what }) => what), breaches: breachesOf(run, report) };
}

/** Second of an event. */
export function secondOf({ run }: Day, what: string): number {
  const event = run.site.events.find((each) => each.what === what);
  if (event === undefined) throw new Error(`${what} did not happen: ${run.story().join(', ')}`);
  return event.at;
}

/** Waits, in real time, until the outage has noted something so often. The day stands still meanwhile. */
export async function noted({ client, outageId }: PowerRun, words: RegExp, times = 1): Promise<void> {
  const outage = client.workflow.getHandle(outageId);
  for (;;) {
    const { events } = await outage.query<OutageProgress>(Message.progress);
    if (events.filter(({ text }) => words.test(text)).length >= times) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
