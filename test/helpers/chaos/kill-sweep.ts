import { expect } from 'vitest';
import type { Site } from '../../../lab/site.ts';
import { boundariesOf, type Course } from './boundaries.ts';
import { disturbedRoll, expectDone } from './disturbed-roll.ts';
import { scheduledActivities } from './history.ts';

/**
 * Rolls undisturbed, to learn which activities there are: a new one is swept without being listed anywhere. Temporal's
 * own record must name as many as the workers have seen.
 */
export function learnCourse(site: Site): Promise<Course> {
  return disturbedRoll({ site }, async (done) => {
    expectDone(done);
    const { supervisor, roll } = done;
    expect(supervisor.course.size).toBe(await scheduledActivities(roll));
    return new Map(supervisor.course);
  });
}

/** Rolls that share all boundaries of a roll among them. */
export const PARTS = 36;

/** Has no factor in common with `PARTS`, so that neighboring seeds kill at other activities and other moments of them. */
const STRIDE = 13;

/**
 * Rolls once and kills at every 36th boundary: the seeds 0 to 35 together kill at all of them, and each has its kills
 * spread over the whole roll.
 */
export function rollWithKills(site: Site, course: Course, seed: number): Promise<string> {
  const part = (seed * STRIDE) % PARTS;
  const killAt = boundariesOf(course).filter((_, place) => place % PARTS === part);
  return disturbedRoll({ site, course, killAt }, (done) => {
    expectDone(done);
    const { supervisor } = done;
    expect(supervisor.missed, `of ${killAt.join(', ')}, killed at ${supervisor.kills.join(', ')}`).toBe(0);
    return `done with ${supervisor.kills.length} kills`;
  });
}
