import { describe, expect, it } from 'vitest';
import { Message } from '../../domain/messages.ts';
import type { PowerSettings, SiteBefore } from '../../domain/outage.ts';
import { BEGIN, live, outFor, secondOf, usePowerEnvironment, type Day } from '../helpers/power/live.ts';

const environment = usePowerEnvironment();

/** HA is at work, and can be disarmed. */
const underHa = (site: SiteBefore): SiteBefore => ({
  ...site,
  ha: { armed: 'armed', active: true, requested: { 'vm:201': 'started' } },
});

const changeRules = (settings: PowerSettings, rules: Partial<PowerSettings['rules']>): PowerSettings => ({
  ...settings,
  rules: { ...settings.rules, ...rules },
});

/** Nodes are woken early, so that the mains can fail again soon. */
const soon = (settings: PowerSettings): PowerSettings =>
  changeRules(settings, { restore: { ...settings.rules.restore, charge: 1 } });

const timesOf = ({ story }: Day, what: string): number => story.filter((each) => each === what).length;

const resultOf = async ({ run }: Day): Promise<{ recent: readonly string[] }> =>
  (await run.client.workflow.getHandle(run.outageId).result()) as { recent: readonly string[] };

describe('The mains fail again', () => {
  it('when HA is armed again: it is disarmed again before a node goes, and the report tells of both', async () => {
    const back = BEGIN + 1_200;
    const day = await live(environment(), {
      // The nodes are up again and HA is armed; the guests have their time to start.
      mains: [...outFor(1_200), { at: back + 330, value: false }, { at: back + 1_000, value: true }],
      settings: soon,
      before: underHa,
    });
    const { events } = day.run.site;
    const secondsOf = (what: string): number[] => events.flatMap((event) => (event.what === what ? [event.at] : []));
    const disarmed = secondsOf('HA disarmed');
    expect(secondsOf('HA armed')[0]).toBeLessThan(back + 330);
    expect(disarmed).toHaveLength(2);
    expect(secondsOf('pve2 shuts down')).toHaveLength(2);
    expect(disarmed[1]).toBeLessThan(secondsOf('pve2 shuts down')[1] ?? 0);
    expect(secondsOf('pve2 off')[1]).toBeLessThan(secondsOf('pve1 shuts down')[1] ?? 0);
    expect(day.report).toMatchObject({ outcome: 'restored' });
    expect(day.report?.onBattery).toBeGreaterThan(1_200 + 600);
    expect(day.report?.discharge.length).toBeGreaterThan(10);
    expect(day.run.mails.filter(({ subject }) => subject.includes('on battery again'))).toHaveLength(1);
    expect((await resultOf(day)).recent).toHaveLength(2);
  });

  it('after phase 3 was ordered: the order counts no more, and people are told anew of what is missing', async () => {
    const back = BEGIN + 300;
    const refused: unknown[] = [];
    const day = await live(environment(), {
      mains: [...outFor(300), { at: back + 900, value: false }, { at: back + 960, value: true }],
      longest: back + 3_000,
      // The time on battery is forgotten at once, so that nothing but the order could ask for a phase.
      settings: (settings) => changeRules(soon(settings), { memory: 60 }),
      before: underHa,
      instead: {
        wakeNode: async ({ node }, usual) =>
          node === 'pve2' ? { outcome: 'failed', words: 'it does not answer' } : usual(),
      },
      meanwhile: [
        {
          at: BEGIN + 30,
          act: async ({ client, outageId }) => {
            await client.workflow.getHandle(outageId).executeUpdate(Message.finalNow);
          },
        },
        {
          at: back + 2_000,
          act: async ({ client, outageId }) => {
            const outage = client.workflow.getHandle(outageId);
            await outage.executeUpdate(Message.finalNow).catch((error: unknown) => refused.push(error));
            await outage.executeUpdate(Message.abort);
          },
        },
      ],
    });
    expect(secondOf(day, 'pve1 shuts down')).toBeLessThan(BEGIN + 120);
    expect(timesOf(day, 'pve1 shuts down')).toBe(1);
    expect(day.run.mails.filter(({ subject }) => subject.includes('pve2 of homelab does not come back'))).toHaveLength(
      2,
    );
    expect(refused).toHaveLength(1);
    expect(day.report?.outcome).toBe('aborted');
    expect(day.report?.exceptions.join('\n')).toMatch(/pve2[^]*arm-ha/);
    expect((await resultOf(day)).recent).toHaveLength(1);
  });

  it('after the outage was aborted: the abort counts no more', async () => {
    const back = BEGIN + 480;
    const day = await live(environment(), {
      mains: [...outFor(480), { at: back + 100, value: false }, { at: back + 600, value: true }],
      says: (second, truth) => (second > back && truth.startsWith('OB') ? `${truth} LB` : truth),
      meanwhile: [
        {
          at: BEGIN + 420,
          act: async ({ client, outageId }) => {
            await client.workflow.getHandle(outageId).executeUpdate(Message.abort);
          },
        },
      ],
    });
    expect(day.breaches).toEqual([]);
    expect(secondOf(day, 'pve1 shuts down')).toBeGreaterThan(back + 100);
    expect(day.report?.outcome).toBe('restored');
  });

  it('while nodes boot: one that is slow holds up none of the others, and is not given up', async () => {
    const back = BEGIN + 1_200;
    const again = back + 180;
    const day = await live(environment(), {
      mains: [...outFor(1_200), { at: again, value: false }, { at: again + 900, value: true }],
      settings: (settings) => {
        const early = soon(settings);
        return { ...early, restore: { ...early.restore, attempts: 1 } };
      },
      instead: {
        awaitNodeUp: async ({ node }, usual, run) => {
          if (node !== 'pve2') return usual();
          await run.pass(300);
          return { outcome: 'failed', words: 'it does not answer yet' };
        },
      },
    });
    const last = day.run.site.events.findLast(({ what }) => what === 'pve1 shuts down')?.at ?? 0;
    expect(last).toBeGreaterThan(again);
    expect(last).toBeLessThan(again + 200);
    expect(day.run.mails.filter(({ subject }) => subject.includes('does not come back'))).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
  });
});
