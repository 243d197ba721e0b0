import { expect } from 'vitest';
import type { FaultBehavior } from '../../lab/core/faults.ts';
import { disturbedRoll, expectDone, quickPair } from '../helpers/chaos/disturbed-roll.ts';
import { draw, drawWhole } from '../helpers/chaos/draw.ts';
import { sweepSeeds } from '../helpers/chaos/seeds.ts';
import { sweep } from '../helpers/chaos/sweep.ts';

const CUTS = 10;

/** The longest talk of a roll: keys, authentication, the script that starts the upgrade job. */
const LONGEST = 8_000;

sweep(
  `SSH connections are cut ${CUTS} times in a roll, each after another number of bytes, and the roll finishes with every step done once:`,
  sweepSeeds({ ci: 1, long: 5 }),
  (seed) =>
    disturbedRoll(
      {
        site: quickPair(),
        disturb: ({ lab }) => lab.faults.add(cutSome(seed, () => lab.log.of('connection.cut').length)),
      },
      (done) => {
        expectDone(done);
        const cuts = done.roll.lab.log.of('connection.cut').length;
        expect(cuts).toBeGreaterThanOrEqual(CUTS);
        return `done with ${cuts} cuts`;
      },
    ),
);

function cutSome(seed: number, cutsSoFar: () => number): FaultBehavior {
  const connections = new Map<string, number>();
  return (point) => {
    if (point.at !== 'connection' || point.protocol !== 'ssh') return undefined;
    const nth = connections.get(point.machine) ?? 0;
    connections.set(point.machine, nth + 1);
    // A connection may end before its number of bytes, so it is counted what was really cut.
    if (cutsSoFar() >= CUTS || !isStruck(seed, point.machine, nth)) return undefined;
    return { do: 'cut', bytes: drawWhole({ from: 0, to: LONGEST }, seed, 'where', point.machine, nth) };
  };
}

/** Never two in a row: a node that gives no answer however often it is asked is one that the preflight has to refuse. */
function isStruck(seed: number, machine: string, nth: number): boolean {
  return nth >= 0 && draw(seed, 'whether', machine, nth) < 0.7 && !isStruck(seed, machine, nth - 1);
}
