import { beforeAll } from 'vitest';
import type { Course } from '../helpers/chaos/boundaries.ts';
import { quickPair } from '../helpers/chaos/disturbed-roll.ts';
import { learnCourse, PARTS, rollWithKills } from '../helpers/chaos/kill-sweep.ts';
import { sweepSeeds } from '../helpers/chaos/seeds.ts';
import { sweep } from '../helpers/chaos/sweep.ts';

let course: Course;
beforeAll(async () => {
  course = await learnCourse(quickPair());
});

sweep(
  'workers are killed before, during and after steps, and the pair is rolled with every step done once:',
  sweepSeeds({ ci: 3, long: PARTS }),
  (seed) => rollWithKills(quickPair(), course, seed),
);
