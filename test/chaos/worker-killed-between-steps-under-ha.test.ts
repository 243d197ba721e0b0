import { beforeAll } from 'vitest';
import type { Course } from '../helpers/chaos/boundaries.ts';
import { quickHaTrio } from '../helpers/chaos/disturbed-roll.ts';
import { learnCourse, PARTS, rollWithKills } from '../helpers/chaos/kill-sweep.ts';
import { sweepSeeds } from '../helpers/chaos/seeds.ts';
import { sweep } from '../helpers/chaos/sweep.ts';

let course: Course;
beforeAll(async () => {
  course = await learnCourse(quickHaTrio());
});

sweep(
  'workers are killed before, during and after steps, and three nodes under HA are rolled with every step done once:',
  sweepSeeds({ ci: 1, long: PARTS }),
  (seed) => rollWithKills(quickHaTrio(), course, seed),
);
