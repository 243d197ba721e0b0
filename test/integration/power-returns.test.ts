import { describe, expect, it } from 'vitest';
import { Message } from '../../domain/messages.ts';
import { BEGIN, live, outFor, usePowerEnvironment, secondOf } from '../helpers/power/live.ts';

const environment = usePowerEnvironment();

const hour = 3_600;

describe('The mains come back', () => {
  it('while guests are being stopped: the node stays up and its guests are started again', async () => {
    const day = await live(environment(), { mains: outFor(305) });
    expect(day.breaches).toEqual([]);
    expect(day.story).toContain('pve2: stop media, lab');
    expect(day.story).not.toContain('pve2 shuts down');
    expect(day.story).toContain('start media');
    expect(day.story).toContain('start lab');
  });

  it('while a node goes down: it is woken only when it is off', async () => {
    const day = await live(environment(), { mains: outFor(325) });
    expect(day.breaches).toEqual([]);
    expect(secondOf(day, 'pve2 is turned on')).toBeGreaterThan(secondOf(day, 'pve2 off'));
    expect(day.run.site.node('pve2').boots).toBe(2);
  });

  it('for 5 seconds again and again: nothing of the time on battery is forgotten', async () => {
    const flaps = [60, 160, 165, 265, 270, 400, 405, 2_000];
    const mains = flaps.map((at, index) => ({ at, value: index % 2 === 1 }));
    const day = await live(environment(), { mains });
    expect(day.breaches).toEqual([]);
    // 300 s on battery, without the breaks.
    const begun = secondOf(day, 'pve2: stop media, lab');
    expect(begun).toBeGreaterThanOrEqual(60 + 310);
    expect(begun).toBeLessThan(60 + 330);
  });

  it('with an empty battery: nobody is woken until it could bear another outage', async () => {
    const day = await live(environment(), {
      mains: outFor(1_500),
      settings: (settings) => ({
        ...settings,
        rules: { ...settings.rules, restore: { ...settings.rules.restore, charge: 70 } },
      }),
    });
    const woken = secondOf(day, 'pve1 is turned on');
    const rules = day.run.settings.rules.restore;
    expect(woken).toBeGreaterThanOrEqual(BEGIN + 1_500 + rules.after);
    expect(day.run.chargeAt(woken)).toBeGreaterThanOrEqual(rules.charge - 1);
    // Longer on mains than the time on battery is remembered for the next outage: this one keeps its own.
    expect(secondOf(day, 'pve1 on') - BEGIN - 1_500).toBeGreaterThan(day.run.settings.rules.memory);
    expect(day.report?.onBattery).toBe(1_500);
    expect(day.report?.discharge.at(-1)?.at).toBeGreaterThan(1_400);
  });

  it('and fail again while nodes boot: they are shut down again, by all the time on battery', async () => {
    const back = BEGIN + 1_500;
    const mains = [...outFor(1_500), { at: back + 375, value: false }, { at: back + 1_000, value: true }];
    const day = await live(environment(), {
      mains,
      longest: 8 * hour,
      settings: (settings) => ({
        ...settings,
        rules: { ...settings.rules, restore: { ...settings.rules.restore, charge: 31 } },
      }),
    });
    expect(secondOf(day, 'pve1 is turned on')).toBeLessThan(back + 375);
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
    expect(day.story.filter((what) => what === 'pve1 shuts down')).toHaveLength(2);
    expect(day.story.filter((what) => what === 'pve1 on')).toHaveLength(2);
  });

  it('and a node does not: people are told, the others are brought back, and it is tried again', async () => {
    const day = await live(environment(), {
      mains: outFor(1_500),
      longest: 8 * hour,
      instead: {
        wakeNode: async ({ node, within }, usual, run) => {
          if (node !== 'pve2' || run.site.now > 5_000) return usual();
          await run.pass(Number.parseInt(within, 10) * 60);
          return { outcome: 'failed', words: 'it does not answer' };
        },
      },
      meanwhile: [
        {
          at: 5_100,
          act: async ({ client, restoreId }) => {
            await client.workflow.getHandle(restoreId).executeUpdate(Message.retryNow);
          },
        },
      ],
    });
    expect(day.breaches).toEqual([]);
    expect(day.run.mails.some(({ text, subject }) => /pve2/.test(subject + text))).toBe(true);
    expect(secondOf(day, 'pve1 on')).toBeLessThan(5_000);
    expect(day.report?.outcome).toBe('restored');
    expect(day.run.site.node('pve2').state).toBe('on');
  });

  it('and a node that answered goes down after all: it is woken when it is tried again', async () => {
    let answered = false;
    const day = await live(environment(), {
      mains: outFor(1_500),
      longest: 8 * hour,
      instead: {
        wakeNode: ({ node }, usual) => {
          if (node !== 'pve2' || answered) return usual();
          answered = true;
          return Promise.resolve({ outcome: 'done', words: 'pve2 was up' });
        },
      },
      meanwhile: [
        {
          at: 5_100,
          act: async ({ client, restoreId }) => {
            await client.workflow.getHandle(restoreId).executeUpdate(Message.retryNow);
          },
        },
      ],
    });
    expect(day.breaches).toEqual([]);
    expect(secondOf(day, 'pve2 is turned on')).toBeGreaterThanOrEqual(5_100);
    expect(day.report?.outcome).toBe('restored');
  });

  it('and a person ends the return: the report names what is missing', async () => {
    const day = await live(environment(), {
      mains: outFor(1_500),
      longest: 8 * hour,
      instead: {
        wakeNode: async ({ node }, usual) =>
          node === 'pve2' ? { outcome: 'failed', words: 'it does not answer' } : usual(),
      },
      meanwhile: [
        {
          at: 5_100,
          act: async ({ client, restoreId }) => {
            await client.workflow.getHandle(restoreId).executeUpdate(Message.abort);
          },
        },
      ],
    });
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('aborted');
    expect(day.report?.exceptions.join()).toMatch(/pve2/);
  });

  it('and the NAS is slow: nobody is woken before it answers', async () => {
    let tries = 0;
    const day = await live(environment(), {
      mains: outFor(1_500),
      settings: (settings) => ({
        ...settings,
        restore: { ...settings.restore, needs: [{ name: 'NAS', host: 'nas.example', port: 2049 }] },
      }),
      instead: {
        awaitDoors: async (_, usual, run) => {
          tries += 1;
          await run.pass(600);
          if (tries < 3) return { outcome: 'failed', words: 'NAS does not answer' };
          run.site.record('NAS answers');
          return usual();
        },
      },
    });
    expect(day.breaches).toEqual([]);
    expect(secondOf(day, 'pve1 is turned on')).toBeGreaterThanOrEqual(secondOf(day, 'NAS answers'));
  });

  it('and a node comes up by itself: it is not woken, and everything else is done', async () => {
    const day = await live(environment(), {
      mains: outFor(1_500),
      meanwhile: [{ at: BEGIN + 1_520, act: ({ site }) => Promise.resolve(site.wake('pve1')) }],
    });
    expect(day.breaches).toEqual([]);
    expect(day.story.filter((what) => what === 'pve1 is turned on')).toHaveLength(1);
    expect(day.report?.outcome).toBe('restored');
  });

  it('after the battery has died: what lost its power is brought back too', async () => {
    const day = await live(environment(), {
      mains: outFor(3 * hour),
      charge: 30,
      // Nobody can be told to shut down.
      instead: {
        shutDownNode: async () => ({ outcome: 'failed', words: 'it does not answer' }),
        stopGuests: async () => ({ outcome: 'failed', words: 'it does not answer', guests: [] }),
      },
      longest: 8 * hour,
    });
    expect(day.story).toContain('pve1 loses power');
    expect(day.report?.outcome).toBe('restored');
    expect([...day.run.site.nodes.values()].map(({ state }) => state)).toEqual(['on', 'on']);
  });
});
