import { expect, it } from 'vitest';
import type { RealNut } from './nut.ts';
import { watchUps } from './ups-watch.ts';

/** What makes a UPS silent, and what makes it answer again. */
export interface Silence {
  readonly begin: () => void | Promise<void>;
  readonly end: () => void | Promise<void>;
}

/** The tests of the watch that any silence has to pass, whatever has caused it. */
export function silenceIsBorne(nut: () => RealNut, { begin, end }: Silence): void {
  it('on mains is told, and no reason for anything more', async () => {
    const watch = watchUps(nut());
    await watch.until((known) => known.watch.class === 'online');
    await begin();
    const { verdict } = await watch.until((known) => known.verdict.notices.length > 0);
    expect(verdict.notices.map(({ code }) => code)).toEqual(['ups-silent']);
    expect(verdict.notYet).toBe('the UPS does not answer');
    expect(watch.askedForPhase()).toBe(false);
    await end();
    await watch.until((known) => known.watch.class === 'online');
    expect(watch.askedForPhase()).toBe(false);
    await watch.close();
  });

  it('on battery is the final phase once it has lasted, and blind no longer than it does', async () => {
    const watch = watchUps(nut());
    await nut().say({ 'ups.status': 'OB DISCHRG', 'battery.charge': '90', 'battery.runtime': '1500' });
    await watch.until((known) => known.verdict.byTime === 'hold');
    await begin();
    const { verdict } = await watch.until((known) => known.verdict.byNeed === 'final');
    expect(verdict).toMatchObject({ blind: true, mains: 'out' });
    expect(verdict.because).toMatch(/^the UPS has not answered for \d+ s and was on battery before$/);
    await end();
    const { verdict: seeing } = await watch.until((known) => known.watch.class !== 'unknown');
    expect(seeing).toMatchObject({ blind: false, byNeed: 'final' });
    await watch.close();
  });
}
