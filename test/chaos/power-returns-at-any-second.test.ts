import { expect } from 'vitest';
import { sweepSeeds } from '../helpers/chaos/seeds.ts';
import { sweep } from '../helpers/chaos/sweep.ts';
import { live, outFor, usePowerEnvironment } from '../helpers/power/live.ts';

/** Longer than both nodes need to be down. */
const SECONDS = 1_000;

/** Has no factor in common with the number of seconds: the first seeds are spread over the whole outage. */
const STRIDE = 617;

const environment = usePowerEnvironment();

sweep(
  'The mains come back at any second of an outage, and all is up as before, or people were told:',
  sweepSeeds({ ci: 60, long: SECONDS }),
  async (seed) => {
    const lasts = 1 + ((seed * STRIDE) % SECONDS);
    const { run, report, breaches } = await live(environment(), { mains: outFor(lasts) });
    expect(breaches, `${lasts} s: ${run.story().join('\n')}`).toEqual([]);
    return report?.outcome ?? 'nothing';
  },
);
