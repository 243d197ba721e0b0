import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { describe, expect, it } from 'vitest';
import { BEGIN, live, outFor, secondOf, usePowerEnvironment } from '../helpers/power/live.ts';
import { SOME_GUESTS } from '../helpers/power/virtual-site.ts';

const environment = usePowerEnvironment();

/** Time of the real clock, for what a run waits for by its own timers: no second of the day passes meanwhile. */
const really = (milliseconds: number) => (): Promise<void> => sleep(milliseconds);

describe('In a power cut', () => {
  it('a node that cannot be told in phase 2 is told in phase 3, before the one that stays', async () => {
    let calls = 0;
    const day = await live(environment(), {
      mains: outFor(1_300),
      instead: {
        shutDownNode: async ({ node }, usual) =>
          node === 'pve2' && (calls += 1) === 1 ? { outcome: 'failed', words: 'its API refuses' } : usual(),
      },
    });
    expect(day.breaches).toEqual([]);
    expect(secondOf(day, 'pve2 shuts down')).toBeGreaterThan(BEGIN + 600);
    expect(day.report?.outcome).toBe('restored');
  });

  it('a node that was off and that somebody turns on is shut down with the others, and not woken afterwards', async () => {
    const day = await live(environment(), {
      mains: outFor(1_300),
      off: ['pve2'],
      guests: SOME_GUESTS.map((guest) => (guest.node === 'pve2' ? { ...guest, running: false } : guest)),
      meanwhile: [{ at: BEGIN + 400, act: ({ site }) => Promise.resolve(site.wake('pve2')) }],
    });
    expect(day.breaches).toEqual([]);
    expect(day.story.filter((what) => what.startsWith('pve2'))).toEqual([
      'pve2 is turned on',
      'pve2 on',
      'pve2: stop media',
      'pve2 shuts down',
      'pve2 off',
    ]);
  });

  it('a battery that becomes low in phase 3 makes haste: guests get half of their time', async () => {
    const low = BEGIN + 910;
    const day = await live(environment(), {
      mains: outFor(1_500),
      says: (second, truth) => (second >= low && truth.startsWith('OB') ? `${truth} LB` : truth),
      instead: {
        // Its guests take all the time that they get.
        stopGuests: async ({ node, within }, usual, run) => {
          if (node === 'pve1') await run.pass(within - 20);
          return usual();
        },
      },
    });
    const stops = day.run.calls.flatMap(({ at, name, input }) => {
      if (name !== 'stopGuests') return [];
      const { node, within } = input as { readonly node: string; readonly within: number };
      return node === 'pve1' ? [{ at, within }] : [];
    });
    expect(stops[0]).toEqual({ at: expect.toSatisfy((at: number) => at < low) as number, within: 180 + 15 });
    expect(stops[1]?.within).toBe(90 + 15);
    expect(stops[1]?.at).toBeLessThan(low + 10);
    expect(day.report?.outcome).toBe('restored');
  });

  it('an act that the UPS says nothing to is given up in time, and the next is taken', async () => {
    const day = await live(environment(), {
      mains: outFor(800),
      settings: (settings) => ({
        ...settings,
        rules: { ...settings.rules, final: { ...settings.rules.final, blind: 1 } },
      }),
      instead: {
        stopGuests: () => Promise.resolve({ outcome: 'no-sample', words: 'no answer', guests: [] }),
      },
      meanwhile: [{ at: BEGIN + 400, act: really(5_000) }],
    });
    expect(secondOf(day, 'pve2 shuts down')).toBeGreaterThanOrEqual(BEGIN + 300);
    expect(day.report?.outcome).toBe('restored');
  });

  it('a site that is read only when it is half dark is not taken for the one of before', async () => {
    const readable = BEGIN + 200;
    let reads = 0;
    const day = await live(environment(), {
      mains: outFor(900),
      says: (second, truth) => (second >= BEGIN + 10 && truth.startsWith('OB') ? `${truth} LB` : truth),
      instead: {
        readSite: async (_, usual, run) => {
          reads += 1;
          // The first question is asked again and again; a look in between is given up at once.
          if (reads === 1) await run.pass(200);
          else if (run.site.now < readable) throw ApplicationFailure.nonRetryable('no node answers');
          return usual();
        },
        shutDownNode: async ({ node }, usual) =>
          node === 'pve2' ? { outcome: 'failed', words: 'its API refuses' } : usual(),
      },
    });
    expect(secondOf(day, 'pve1 off')).toBeLessThan(readable);
    expect(day.story).toContain('pve1 on');
    expect(day.report?.outcome).toBe('restored-with-exceptions');
    expect(day.report?.exceptions.join()).toMatch(/which guests ran before/);
  });

  it('mains that flap for long fill no history: outage and return go on in new ones', async () => {
    const back = BEGIN + 700;
    const flapping = Array.from({ length: 70 }, (_, index) => ({ at: BEGIN + index * 10, value: index % 2 === 1 }));
    // Short enough to be no outage, and so far apart that they do not add up to one.
    const blips = Array.from({ length: 40 }, (_, index) => back + 300 + index * 70);
    const day = await live(environment(), {
      mains: [
        ...flapping,
        ...blips.flatMap((at) => [
          { at, value: false },
          { at: at + 3, value: true },
        ]),
      ],
      variables: (second) => (second < (blips.at(-1) ?? 0) ? { 'battery.charge': '35' } : {}),
    });
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
    for (const id of [day.run.outageId, day.run.restoreId]) {
      const { events } = await day.run.client.workflow.getHandle(id).fetchHistory();
      expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).not.toBe('');
      expect(events?.length).toBeLessThan(500);
    }
  });
});
