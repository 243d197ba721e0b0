import { expect } from 'vitest';
import type { Site } from '../../../lab/site.ts';
import { boundariesOf, type Course } from './boundaries.ts';
import { disturbedRoll } from './disturbed-roll.ts';
import { scheduledActivities } from './history.ts';

/**
 * Rolls undisturbed, to learn which activities there are: a new one is swept without being listed anywhere. Temporal's
 * own record must name as many as the workers have seen.
 */
export function learnCourse(site: Site): Promise<Course> {
  return disturbedRoll({ site }, async ({ breaches, end, supervisor, roll }) => {
    expect(breaches).toEqual([]);
    expect(end.outcome).toBe('done');
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
export async function rollWithKills(site: Site, course: Course, seed: number): Promise<void> {
  const part = (seed * STRIDE) % PARTS;
  const killAt = boundariesOf(course).filter((_, place) => place % PARTS === part);
  await disturbedRoll({ site, course, killAt }, ({ breaches, end, supervisor }) => {
    expect(breaches).toEqual([]);
    expect(end).toMatchObject({ outcome: 'done' });
    expect(supervisor.missed, `of ${killAt.join(', ')}, killed at ${supervisor.kills.join(', ')}`).toBe(0);
  });
}
