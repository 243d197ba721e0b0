import { expect } from 'vitest';
import { disturbedRoll, expectDone, quickPair } from '../helpers/chaos/disturbed-roll.ts';
import { mortalTemporal } from '../helpers/chaos/mortal-temporal.ts';
import { isLong, sweepSeeds } from '../helpers/chaos/seeds.ts';
import { sweep } from '../helpers/chaos/sweep.ts';

const KILLS = isLong() ? 20 : 5;

/** A roll of two nodes stops some ninety times for an activity's begin or end; the kills reach into its last third. */
const STOPS_BETWEEN = Math.floor(60 / KILLS);

sweep(
  `Temporal is killed ${KILLS} times in a roll, as activities begin and end, and the roll finishes with every step done once:`,
  sweepSeeds({ ci: 1, long: 4 }),
  async (seed) => {
    const temporal = await mortalTemporal();
    let stops = seed;
    let kills = 0;
    const onStop = () => {
      // While it is away it cannot be killed: that comes at the next stop, then.
      if (kills < KILLS && ++stops >= STOPS_BETWEEN && temporal.kill()) {
        kills += 1;
        stops = 0;
      }
    };
    try {
      return await disturbedRoll({ site: quickPair(), temporalAddress: temporal.address, onStop }, (done) => {
        expectDone(done);
        expect(kills).toBe(KILLS);
        return `done with ${kills} kills`;
      });
    } finally {
      await temporal.close();
    }
  },
);
