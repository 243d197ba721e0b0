import { describe, expect, it } from 'vitest';
import type { PowerSettings, SiteBefore } from '../../domain/outage.ts';
import type { TimeLine, TimeLineStep } from '../../domain/power-plan.ts';
import type { PowerReading } from '../../domain/power.ts';
import { planOutage, rulesFor } from '../../planning/outage-plan.ts';
import { timeLineOf } from '../../planning/outage-time-line.ts';
import { aGuestBefore, aNodeBefore, aSiteBefore, somePowerSettings } from '../helpers/power-builders.ts';

const SITE = aSiteBefore({
  guests: [aGuestBefore(101, { node: 'pve1', name: 'dns' }), aGuestBefore(201, { name: 'media' })],
});

/** Long after the budgets of both nodes. */
const ENOUGH = { shed: 600, final: 400 };

function aReading(runtime: number | null, charge: number | null = 100): PowerReading {
  const told = (value: number | null) => (value === null ? { absent: 'the UPS does not report it' } : { value });
  return {
    status: ['OL'],
    charge: told(charge),
    runtime: told(runtime),
    load: { value: 20 },
    inputVoltage: { value: 230 },
  };
}

function timeLine(
  reading: PowerReading | null,
  changes: Partial<PowerSettings> = {},
  site: SiteBefore = SITE,
): TimeLine {
  const settings = somePowerSettings({ runtimes: ENOUGH, ...changes });
  const plan = planOutage(site, settings);
  return timeLineOf(plan, rulesFor(settings, plan), settings, reading);
}

function step({ steps }: TimeLine, words: string): TimeLineStep {
  const found = steps.find(({ what }) => what.includes(words));
  if (found === undefined) throw new Error(`no step says ${words}: ${steps.map(({ what }) => what).join(' | ')}`);
  return found;
}

describe('the time line of a power cut', () => {
  it('has each phase at its time when the battery bears it, and by when each node is off', () => {
    const line = timeLine(aReading(3_600));
    expect(step(line, 'phase 1').at).toBe(10);
    expect(step(line, 'phase 2')).toMatchObject({ at: 300, because: '300 s on battery' });
    // The guests' 3 minutes, 2 for the halt and 1 of margin.
    expect(step(line, 'pve2 is off').at).toBe(300 + 360);
    expect(step(line, 'phase 3')).toMatchObject({ at: 900, because: '900 s on battery' });
    expect(step(line, 'everything is off').at).toBe(900 + 360);
    expect(step(line, 'empty').at).toBe(3_600);
    expect(line.warnings).toEqual([]);
  });

  it('begins phases earlier by the charge and the runtime that are expected', () => {
    // 60 % are left after 240 of 600 s; 400 s of them after 200.
    const line = timeLine(aReading(600), { runtimes: { shed: 500, final: 300 } });
    expect(step(line, 'phase 2')).toMatchObject({ at: 100, because: 'the battery lasts 500 s or less', runtime: 500 });
    expect(step(line, 'phase 3')).toMatchObject({ at: 300, charge: 50 });
    const byCharge = timeLine(aReading(1_000), { runtimes: { shed: 10, final: 5 } });
    expect(step(byCharge, 'phase 2').at).toBe(300);
    expect(step(byCharge, 'phase 3')).toMatchObject({ at: 696, because: 'the charge falls to 30 %' });
  });

  it('lets the battery last longer once nodes are off, where their draw is known', () => {
    const watts = { total: 200, nodes: { pve2: 100 } };
    const line = timeLine(aReading(3_600), { watts });
    const off = step(line, 'pve2 is off');
    expect(off.runtime).toBe(2 * (3_600 - off.at));
    expect(step(line, 'empty').at).toBe(off.at + 2 * (3_600 - off.at));
    expect(line.expectation).toContain('pve2 100 W');
    expect(timeLine(aReading(3_600)).expectation).toContain('power.nodes[].watts');
  });

  it('says when the battery may be empty before everything is off', () => {
    const line = timeLine(aReading(900), { runtimes: { shed: 300, final: 200 } });
    expect(step(line, 'empty').at).toBeLessThan(step(line, 'everything is off').at);
    expect(line.warnings.join()).toMatch(/may be empty 1 min 26 s before everything is off/);
  });

  it('says when phase 2 has no time of its own, and when phase 1 has none', () => {
    const tooSmall = timeLine(aReading(350), { runtimes: { shed: 500, final: 400 } });
    expect(tooSmall.warnings.join('\n')).toMatch(/phase 2 has no time of its own/);
    expect(tooSmall.warnings.join('\n')).toMatch(/nothing is left of phase 1/);
    expect(tooSmall.steps.some(({ what }) => what.startsWith('phase 2'))).toBe(false);
    expect(step(tooSmall, 'phase 3').what).toContain('pve2');
  });

  it.each([
    ['does not answer', null],
    ['tells no runtime', aReading(null)],
    ['tells a runtime of 0', aReading(0)],
  ])('goes by the times alone when the UPS %s', (_, reading) => {
    const line = timeLine(reading);
    expect(step(line, 'phase 2')).toMatchObject({ at: 300, charge: null, runtime: null });
    expect(line.steps.some(({ phase }) => phase === 'empty')).toBe(false);
    expect(line.expectation).toMatch(/by their times alone/);
  });

  it('takes all nodes down in phase 3 where phase 2 is refused', () => {
    const site = aSiteBefore({ ...SITE, ha: { armed: null, active: true, requested: {} } });
    const line = timeLine(aReading(3_600), {}, site);
    expect(line.steps.some(({ phase }) => phase === 'shed')).toBe(false);
    expect(step(line, 'phase 3').what).toMatch(/pve2.*pve1/);
  });

  it('tells that a node of phase 2 may still be going down when phase 3 begins', () => {
    const line = timeLine(aReading(3_600), {
      rules: { ...somePowerSettings().rules, final: { ...somePowerSettings().rules.final, after: 400 } },
    });
    expect(step(line, 'phase 3').what).toContain('pve2 may still be going down');
    expect(line.steps.some(({ what }) => what === 'pve2 is off at the latest')).toBe(false);
  });

  it('knows nothing of phase 2 where no node is named for it', () => {
    const line = timeLine(aReading(3_600), { shedNodes: [] }, aSiteBefore({ nodes: [aNodeBefore('pve1')] }));
    expect(line.steps.map(({ phase }) => phase)).toEqual(['normal', 'hold', 'final', 'final', 'empty']);
  });
});
