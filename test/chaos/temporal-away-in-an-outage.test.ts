import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { liveOutage, type LabOutage } from '../helpers/chaos/disturbed-outage.ts';
import { isEnd, outageBreachesOf } from '../helpers/chaos/outage-judge.ts';
import { mortalTemporal, type MortalTemporal } from '../helpers/chaos/mortal-temporal.ts';

/** Phases take seconds here, so that Temporal is away for several of them within a test, as it would be in ten minutes. */
const POWER = { shed: { after: '12 seconds' }, final: { after: '15 seconds' } } as const;
const AWAY_MS = 15_000;
const MAINS_BACK_MS = 14_000;

/** What the UPS has said longer ago is not of this moment. */
const FRESH_MS = 5_000;

interface Away {
  readonly outage: LabOutage;
  /** Milliseconds since the epoch: until then it was away for certain. */
  readonly returns: number;
}

/** The mains fail, and Temporal is killed while all nodes run, in phase 1. */
function withoutTemporal<T>(
  { meanwhile = () => undefined }: { readonly meanwhile?: (outage: LabOutage) => void },
  live: (away: Away) => Promise<T>,
): Promise<T> {
  return withMortalTemporal((temporal) =>
    liveOutage({ power: POWER, temporalAddress: temporal.address }, async (outage) => {
      await outage.watched();
      outage.setMains(false);
      await outage.until('outage', ({ stage, events }) => stage === 'hold' && events.some(isBefore));
      const away = sleep(AWAY_MS).then(() => Date.now());
      temporal.kill(away);
      meanwhile(outage);
      const returns = await away;
      await temporal.back();
      return live({ outage, returns });
    }),
  );
}

/** The site as it was before has been noted down. */
const isBefore = ({ text }: { readonly text: string }): boolean => text.startsWith('before: ');

async function withMortalTemporal<T>(use: (temporal: MortalTemporal) => Promise<T>): Promise<T> {
  const temporal = await mortalTemporal();
  try {
    return await use(temporal);
  } finally {
    await temporal.close();
  }
}

const ends = ({ roll }: LabOutage): number[] => roll.lab.log.events.filter(isEnd).map(({ wall }) => Date.parse(wall));

it.concurrent(
  'Temporal is away in phase 1 until phases 2 and 3 are due: they begin after it is back and the UPS was looked at again, in their order, and no time on battery is lost',
  () =>
    withoutTemporal({}, async ({ outage, returns }) => {
      await outage.until('outage', ({ stage }) => stage === 'halted');
      outage.setMains(true);
      const report = await outage.report();
      expect(outageBreachesOf(outage.roll.lab, { ...outage, report, phases: [/phase 3/] })).toEqual([]);
      expect(report).toMatchObject({ outcome: 'restored', highestPhase: 'final' });
      const acts = ends(outage);
      expect(Math.min(...acts)).toBeGreaterThan(returns);
      const looksBefore = (act: number): number =>
        Math.max(...outage.looks.at.filter((at) => at <= act && at > returns));
      expect(acts.filter((act) => act - looksBefore(act) > FRESH_MS)).toEqual([]);
    }),
);

it.concurrent('Temporal is away in phase 1, and the mains come back meanwhile: nothing is shut down at all', () =>
  withoutTemporal(
    { meanwhile: (outage) => void sleep(MAINS_BACK_MS).then(() => outage.setMains(true)) },
    async ({ outage }) => {
      const report = await outage.report();
      expect(report).toMatchObject({ outcome: 'blip', exceptions: [] });
      expect(ends(outage)).toEqual([]);
    },
  ),
);
