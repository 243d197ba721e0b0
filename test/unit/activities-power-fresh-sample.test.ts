import { afterEach, describe, expect, it, vi } from 'vitest';
import { lookBeforeActing, mayActOf } from '../../activities/power/fresh-sample.ts';
import type { PowerGate } from '../../domain/outage.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { aGate, fakePowerDeps, NO_ANSWER, thePower, type FakePower } from '../helpers/fake-power.ts';

afterEach(() => vi.useRealTimers());

function withTimeInHand(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
}

/** What comes of the look, which may take a while. */
async function look(world: FakePower, gate: Partial<PowerGate> = {}) {
  withTimeInHand();
  const deps = fakePowerDeps(world);
  const looking = activityEnvironment().run(() => lookBeforeActing(deps, aGate(gate)));
  await vi.advanceTimersByTimeAsync(10_000);
  return { act: await looking, looks: deps.looks() };
}

describe('the look at the UPS before an act', () => {
  it('lets it be done while the UPS is on battery, or orders a shutdown', async () => {
    for (const status of ['OB DISCHRG', 'OB LB', 'FSD OL', 'OB FSD']) {
      expect(await look({ ups: [status] })).toEqual({ act: null, looks: 1 });
    }
  });

  it('forbids it when the mains are on', async () => {
    for (const status of ['OL', 'OL CHRG LB', 'OL DISCHRG']) {
      expect((await look({ ups: [status] })).act).toEqual({
        outcome: 'mains-on',
        words: `ups says "${status.split(' ').sort().join(' ')}"`,
      });
    }
  });

  it('goes by what OL DISCHRG means for this UPS', async () => {
    const power = thePower();
    const changed = { ...power, rules: { ...power.rules, onlineDischarge: 'on-battery' as const } };
    expect((await look({ ups: ['OL DISCHRG'], power: changed })).act).toBeNull();
  });

  it('takes no order to shut down for an outage where the site only warns of it', async () => {
    const power = thePower();
    const warn = { ...power, rules: { ...power.rules, fsdOnMains: 'warn' as const } };
    expect((await look({ ups: ['FSD OL'], power: warn })).act).toMatchObject({ outcome: 'mains-on' });
    expect((await look({ ups: ['FSD OB'], power: warn })).act).toBeNull();
  });

  it('takes an order alone, while the driver starts, for no word of the mains', async () => {
    expect(await look({ ups: ['FSD WAIT'] })).toMatchObject({ act: { outcome: 'no-sample' }, looks: 3 });
    expect(await look({ ups: ['FSD WAIT', 'FSD OB'] })).toEqual({ act: null, looks: 2 });
    expect((await look({ ups: ['FSD WAIT'] }, { blind: true })).act).toBeNull();
  });

  it('asks again when there is no answer, or one that says nothing', async () => {
    expect(await look({ ups: [NO_ANSWER, 'WAIT', 'OB'] })).toEqual({ act: null, looks: 3 });
    expect(await look({ ups: [NO_ANSWER, 'OL'] })).toMatchObject({ act: { outcome: 'mains-on' }, looks: 2 });
  });

  it('forbids it when nothing is known', async () => {
    expect(await look({ ups: [NO_ANSWER] })).toEqual({
      act: {
        outcome: 'no-sample',
        words: `ups does not tell whether the mains are on (${NO_ANSWER.message})`,
      },
      looks: 3,
    });
    expect((await look({ ups: ['WAIT'] })).act).toMatchObject({ outcome: 'no-sample' });
  });

  it('lets it be done without an answer when that was the reason, but not with mains on', async () => {
    expect((await look({ ups: [NO_ANSWER] }, { blind: true })).act).toBeNull();
    expect((await look({ ups: [NO_ANSWER, 'OL'] }, { blind: true })).act).toMatchObject({ outcome: 'mains-on' });
  });

  it('takes no answer for no reason when it was another boot, or another machine, that found the UPS silent', async () => {
    for (const boot of [null, 'the boot before']) {
      expect((await look({ ups: [NO_ANSWER] }, { blind: true, boot })).act).toMatchObject({ outcome: 'no-sample' });
      expect((await look({ ups: ['OB'] }, { blind: true, boot })).act).toBeNull();
    }
  });

  it('hinders no rehearsal, whatever the UPS says, and when it says nothing', async () => {
    for (const said of ['OL', 'WAIT', NO_ANSWER]) {
      expect((await look({ ups: [said] }, { rehearsal: true })).act).toBeNull();
    }
  });

  it('gives a UPS that hangs five seconds', async () => {
    withTimeInHand();
    const deps = fakePowerDeps({});
    const hanging = {
      ...deps,
      power: { ...deps.power, ups: { ...deps.power.ups, read: () => new Promise<never>(() => 0) } },
    };
    let act: unknown = 'none yet';
    const looking = activityEnvironment().run(async () => (act = await lookBeforeActing(hanging, aGate())));
    await vi.advanceTimersByTimeAsync(4_900);
    expect(act).toBe('none yet');
    await vi.advanceTimersByTimeAsync(200);
    await looking;
    expect(act).toMatchObject({ outcome: 'no-sample' });
  });
});

describe('an activity with many acts', () => {
  it('looks again as soon as the last look is five seconds old', async () => {
    withTimeInHand();
    const deps = fakePowerDeps({ ups: ['OB', 'OL'] });
    await activityEnvironment().run(async () => {
      const mayAct = mayActOf(deps, aGate());
      expect(await mayAct()).toBeNull();
      vi.advanceTimersByTime(4_000);
      expect(await mayAct()).toBeNull();
      expect(deps.looks()).toBe(1);
      vi.advanceTimersByTime(1_000);
      expect(await mayAct()).toMatchObject({ outcome: 'mains-on' });
    });
  });
});
