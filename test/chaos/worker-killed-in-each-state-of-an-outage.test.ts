import { beforeAll, describe, it } from 'vitest';
import type { LabEvent } from '../../lab/core/event-log.ts';
import type { Course } from '../helpers/chaos/boundaries.ts';
import { isEnd } from '../helpers/chaos/outage-judge.ts';
import {
  learnOutage,
  OUTAGE_PARTS,
  outageOfSeed,
  outageWithKills,
  type Moments,
} from '../helpers/chaos/outage-sweep.ts';
import { sweepSeeds } from '../helpers/chaos/seeds.ts';
import { sweep } from '../helpers/chaos/sweep.ts';

const seen = (action: string, node: string) => (event: LabEvent) =>
  event.action === action && event.subject === `node/${node}`;

const guestEndsOn = (node: string) => (event: LabEvent) => seen('task.start', node)(event) && isEnd(event);

// The next worker takes some seconds until it is there and its work is given to it: phase 3 begins after those of phase 2.
const POWER = {
  shed: { after: '2 seconds' },
  final: { after: '24 seconds' },
  restore: { after: '6 seconds' },
} as const;

it.concurrent.for<[string, Moments]>([
  [
    'on mains as they fail, while guests stop, as pve2 is off, in the dark as the mains come back, as nodes wake and as guests start',
    {
      killWhile: ['watching', 'halted'],
      killOn: [guestEndsOn('pve2'), seen('node.boot', 'pve1')],
      killAt: ['after awaitNodeOff #1', 'during startGuests #1'],
    },
  ],
  [
    'as the site is noted down, while pve2 goes down, while the last guests stop, as pve1 is told, before the gate opens and as nodes join',
    {
      killWhile: ['waiting for the gate'],
      killOn: [seen('node.shutdown', 'pve2'), guestEndsOn('pve1')],
      killAt: ['after readSite #1', 'after shutDownNode #2', 'before awaitRejoin #1'],
    },
  ],
])(
  'the worker is killed %s: each node goes down once, in order, and all is as before, with no time on battery lost and one set of mails',
  ([, moments]) => outageWithKills({ power: POWER, ...moments }),
);

/** A minute each: the states above are those between which nothing else happens. */
const seeds = sweepSeeds({ ci: 0, long: OUTAGE_PARTS });

describe.runIf(seeds.length > 0)('at every boundary', () => {
  let course: Course;
  beforeAll(async () => {
    course = await learnOutage();
  });

  sweep(
    'workers are killed before, during and after the steps of an outage, and it comes to the same:',
    seeds,
    (seed) => outageOfSeed(course, seed),
  );
});
