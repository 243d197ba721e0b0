import { expect } from 'vitest';
import { boundariesOf, type Course } from './boundaries.ts';
import { expectKilled, liveOutage, type LabOutage, type OutageOptions } from './disturbed-outage.ts';
import { scheduledActivities } from './history.ts';
import { outageBreachesOf } from './outage-judge.ts';

export interface Moments extends Pick<OutageOptions, 'course' | 'killAt' | 'killOn' | 'power'> {
  /** States in which nothing but the watch is at work. */
  readonly killWhile?: readonly ('watching' | 'halted' | 'waiting for the gate')[];
}

/**
 * An outage that takes everything down and is followed by the whole return, with the worker killed at all these moments. It
 * must come to the same as if nobody had been killed.
 */
export function outageWithKills(
  { killWhile = [], ...kills }: Moments,
  look: (outage: LabOutage) => void | Promise<void> = () => undefined,
): Promise<void> {
  return liveOutage(kills, async (outage) => {
    const { roll, supervisor } = outage;
    await outage.watched();
    if (killWhile.includes('watching')) await supervisor.strike('watching');
    outage.setMains(false);
    await outage.until('outage', ({ stage }) => stage === 'halted');
    await outage.watched();
    if (killWhile.includes('halted')) await supervisor.strike('halted');
    outage.setMains(true);
    if (killWhile.includes('waiting for the gate')) {
      await outage.until('return', ({ waitingFor }) => waitingFor?.startsWith('mains and battery') === true);
      await supervisor.strike('waiting for the gate');
    }
    const report = await outage.report();
    expect(outageBreachesOf(roll.lab, { ...outage, report })).toEqual([]);
    expect(report).toMatchObject({ outcome: 'restored', exceptions: [], highestPhase: 'final' });
    expectKilled(outage);
    await look(outage);
  });
}

/** Outages that share all boundaries of one among them. */
export const OUTAGE_PARTS = 12;

/** Has no factor in common with `OUTAGE_PARTS`. */
const STRIDE = 5;

/** Phase 3 is not due before phase 2 is over, however often the worker is killed in it. */
const POWER = {
  shed: { after: '2 seconds' },
  final: { after: '45 seconds' },
  restore: { after: '6 seconds' },
} as const;

/** An outage in which nobody is killed, to learn which activities there are. Temporal's own record must name as many. */
export async function learnOutage(): Promise<Course> {
  let course: Course = new Map();
  await outageWithKills({ power: POWER }, async ({ roll, supervisor }) => {
    expect(supervisor.course.size).toBe(await scheduledActivities(roll));
    course = new Map(supervisor.course);
  });
  return course;
}

/** Kills at every 12th boundary; the seeds 0 to 11 together kill at all. How often the watch is begun depends on the kills. */
export async function outageOfSeed(course: Course, seed: number): Promise<string> {
  const part = (seed * STRIDE) % OUTAGE_PARTS;
  const boundaries = boundariesOf(course).filter((boundary) => !boundary.includes(' watchPower '));
  const killAt = boundaries.filter((_, place) => place % OUTAGE_PARTS === part);
  await outageWithKills({ course, killAt, power: POWER });
  return `restored with ${killAt.length} kills`;
}
