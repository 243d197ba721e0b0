import { describe, expect, it } from 'vitest';
import { powerGuardId } from '../../domain/ids.ts';
import { live, usePowerEnvironment, type Day } from '../helpers/power/live.ts';
import type { PowerRunOptions } from '../helpers/power/power-run.ts';

const environment = usePowerEnvironment();

const HOUR = 3_600;

/** Longer than a day by what the watch needs until it comes back without news. */
const DAY = 24.5 * HOUR;

interface Kept {
  readonly day: Day;
  /** Events of each of the guard's histories. */
  readonly histories: readonly number[];
  /** Characters of what the watch was given and came back with, each time. */
  readonly sizes: readonly number[];
}

async function watchFor(options: Omit<PowerRunOptions, 'mains' | 'instead'>): Promise<Kept> {
  const sizes: number[] = [];
  const day = await live(environment(), {
    mains: [],
    shortest: DAY,
    ...options,
    instead: {
      watchPower: async (input, usual) => {
        const result = await usual();
        sizes.push(JSON.stringify(input.state).length, JSON.stringify(result.state).length);
        return result;
      },
    },
  });
  return { day, histories: await historiesOf(day), sizes };
}

/** From the first run of the guard to the last, each of which says which one continues it. */
async function historiesOf({ run: { client, settings } }: Day): Promise<number[]> {
  const id = powerGuardId(settings.ups);
  const counts: number[] = [];
  const { runId: last } = await client.workflow.getHandle(id).describe();
  for (let next: string | undefined = last; next !== undefined;) {
    const { events } = await client.workflow.getHandle(id, next).fetchHistory();
    counts.unshift(events?.length ?? 0);
    next = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  }
  return counts;
}

describe('A UPS that is watched for a day on mains', () => {
  it('and says nothing new adds a handful of events to one history', async () => {
    const { day, histories, sizes } = await watchFor({});
    expect(day.run.mails).toEqual([]);
    expect(histories).toHaveLength(1);
    expect(histories[0]).toBeLessThanOrEqual(200);
    // Without news it has come back all the same, for its run to begin anew when its history is long.
    expect(day.run.calls.filter(({ name }) => name === 'watchPower').at(-1)?.at).toBeGreaterThan(24 * HOUR);
    expect(Math.max(...sizes)).toBeLessThan(1_500);
  });

  it('and falls silent once an hour, with a test of its battery at night, is told of twice an hour from history to history', async () => {
    const silent = (second: number): boolean => second % HOUR >= 1_800 && second % HOUR < 1_800 + 90;
    const tested = (second: number): boolean => second >= 3 * HOUR && second < 3 * HOUR + 20;
    const { day, histories, sizes } = await watchFor({
      says: (second, truth) => (silent(second) ? null : tested(second) ? 'OB DISCHRG TEST' : truth),
    });
    expect(day.story).toEqual([]);
    const subjects = day.run.mails.map(({ subject }) => subject.split(':')[0]);
    expect(subjects).toEqual(Array.from({ length: 24 }, () => ['TO DO', 'Over']).flat());
    expect(histories.length).toBeGreaterThan(2);
    expect(Math.max(...histories)).toBeLessThanOrEqual(200);
    // What is handed on is no more at the end of the day than after its first hours.
    const hours = sizes.length / 24;
    expect(Math.max(...sizes.slice(-3 * hours))).toBeLessThanOrEqual(Math.max(...sizes.slice(0, 6 * hours)));
  });
});
