import { expect } from 'vitest';
import { disturbedRoll, quickHaTrio, quickPair } from '../helpers/chaos/disturbed-roll.ts';
import { openUndoOf } from '../helpers/chaos/judge.ts';
import { faultSchedule, randomFaults } from '../helpers/chaos/random-faults.ts';
import { sweepSeeds } from '../helpers/chaos/seeds.ts';
import { sweep } from '../helpers/chaos/sweep.ts';

/** One seed in so many rolls three nodes under HA; the others a pair. */
const HA_EVERY = 5;

sweep(
  'Calls, commands, connections and tasks fail at random, and the roll is done or says what it left and why:',
  sweepSeeds({ ci: 20, long: 200 }),
  (seed) =>
    disturbedRoll(
      {
        site: seed % HA_EVERY === HA_EVERY - 1 ? quickHaTrio() : quickPair(),
        disturb: ({ lab }) => lab.faults.add(randomFaults(faultSchedule(seed))),
      },
      ({ breaches, end }) => {
        expect(breaches).toEqual([]);
        const left = openUndoOf(end).length;
        return left === 0 ? end.outcome : `${end.outcome} with ${left} left and named`;
      },
    ),
);
