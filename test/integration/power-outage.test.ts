import { describe, expect, it } from 'vitest';
import { BEGIN, live, outFor, usePowerEnvironment, secondOf } from '../helpers/power/live.ts';
import { SOME_GUESTS } from '../helpers/power/virtual-site.ts';

const environment = usePowerEnvironment();

const hour = 3_600;

describe('A power cut', () => {
  it('that lasts takes pve2 down after 5 minutes and pve1 after 15, and brings both back as they were', async () => {
    const day = await live(environment(), { mains: outFor(1_500) });
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
    expect(day.story).toEqual([
      'pve2: stop media, lab',
      'pve2 shuts down',
      'pve2 off',
      'pve1: expects 1',
      'pve1: stop files',
      'pve1: stop dns',
      'pve1 shuts down',
      'pve1 off',
      'pve1 is turned on',
      'pve2 is turned on',
      'pve1 on',
      'pve2 on',
      'pve1: expects 2',
      'start lab',
    ]);
    expect(secondOf(day, 'pve2: stop media, lab')).toBeGreaterThanOrEqual(BEGIN + 300);
    expect(secondOf(day, 'pve1: stop files')).toBeGreaterThanOrEqual(BEGIN + 900);
    expect(secondOf(day, 'pve2 off')).toBeLessThan(secondOf(day, 'pve1 shuts down'));
  });

  it.each([2, 8])('of %i seconds is a blip that nobody answers', async (seconds) => {
    const { run, report } = await live(environment(), { mains: outFor(seconds) });
    expect(report).toBeNull();
    expect(run.site.events).toEqual([]);
    expect(run.mails).toEqual([]);
  });

  it('of 2 minutes is told, and changes nothing', async () => {
    const { run, report, story } = await live(environment(), { mains: outFor(120) });
    expect(report?.outcome).toBe('blip');
    expect(story).toEqual([]);
    expect(run.mails.length).toBeGreaterThanOrEqual(2);
  });

  it('with a low battery after 10 seconds is compressed: all guests at once, pve2 before pve1', async () => {
    const day = await live(environment(), {
      mains: outFor(1_000),
      says: (second, truth) => (second >= BEGIN + 10 && truth.startsWith('OB') ? `${truth} LB` : truth),
    });
    expect(day.breaches).toEqual([]);
    expect(day.report?.highestPhase).toBe('final');
    expect(secondOf(day, 'pve1: stop files')).toBeLessThan(BEGIN + 60);
    expect(secondOf(day, 'pve1: stop files')).toBeLessThan(secondOf(day, 'pve2 shuts down'));
    expect(secondOf(day, 'pve2 off')).toBeLessThan(secondOf(day, 'pve1 shuts down'));
  });

  it('with LB at a full battery and half an hour of runtime takes everything down all the same', async () => {
    const day = await live(environment(), {
      mains: outFor(600),
      says: (_, truth) => (truth.startsWith('OB') ? 'OB DISCHRG LB' : truth),
      variables: () => ({ 'battery.charge': '80', 'battery.runtime': '1500' }),
    });
    expect(day.breaches).toEqual([]);
    expect(secondOf(day, 'pve1 shuts down')).toBeLessThan(BEGIN + 120);
  });

  it('that is ordered by FSD on mains takes everything down, and waits until the order is taken back', async () => {
    const day = await live(environment(), {
      mains: [],
      says: (second, truth) => (second >= 100 && second < 2_000 ? 'FSD OL' : truth),
    });
    const { run, report } = day;
    expect(report?.outcome).toBe('restored');
    expect(secondOf(day, 'pve1 off')).toBeLessThan(400);
    expect(secondOf(day, 'pve1 is turned on')).toBeGreaterThanOrEqual(2_000);
    expect(run.mails.some(({ text }) => /FSD/.test(text))).toBe(true);
  });

  it('in which the UPS falls silent takes everything down within the bound, not after a few seconds', async () => {
    const day = await live(environment(), {
      mains: outFor(1_000),
      says: (second, truth) => (second >= BEGIN + 30 && truth.startsWith('OB') ? null : truth),
    });
    expect(day.breaches).toEqual([]);
    expect(secondOf(day, 'pve1: stop files')).toBeGreaterThan(BEGIN + 30 + 15);
    expect(secondOf(day, 'pve1: stop files')).toBeLessThanOrEqual(BEGIN + 30 + 75);
  });

  it('in which the UPS is not heard for 4 seconds goes on by its phases', async () => {
    const day = await live(environment(), {
      mains: outFor(200),
      says: (second, truth) => (second >= BEGIN + 30 && second < BEGIN + 34 ? null : truth),
    });
    expect(day.report?.outcome).toBe('blip');
  });

  it('does not touch a node that was off before, nor a guest that was stopped', async () => {
    const day = await live(environment(), {
      mains: outFor(1_500),
      off: ['pve2'],
      guests: SOME_GUESTS.map((guest) => (guest.node === 'pve2' ? { ...guest, running: false } : guest)),
    });
    expect(day.breaches).toEqual([]);
    expect(day.story.filter((what) => what.startsWith('pve2'))).toEqual([]);
    expect(day.report?.nodes['pve2']).toBe('off-before');
  });

  it('goes on when a node takes the order and never goes down, and says so', async () => {
    const day = await live(environment(), {
      mains: outFor(1_500),
      longest: 6 * hour,
      instead: {
        shutDownNode: ({ node }, usual, { site }) => {
          if (node !== 'pve2') return usual();
          site.record('pve2 ignores it');
          return Promise.resolve({ outcome: 'done', words: 'accepted' });
        },
      },
    });
    expect(day.run.mails.some(({ text, subject }) => /pve2/.test(subject + text))).toBe(true);
    expect(secondOf(day, 'pve1 off')).toBeGreaterThan(secondOf(day, 'pve2 ignores it'));
    expect(day.report?.outcome).toBe('restored');
  });
});
