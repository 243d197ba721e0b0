import { describe, expect, it } from 'vitest';
import { Message } from '../../domain/messages.ts';
import { BEGIN, live, outFor, usePowerEnvironment } from '../helpers/power/live.ts';
import type { PowerRun } from '../helpers/power/power-run.ts';

const environment = usePowerEnvironment();

const BACK = BEGIN + 1_200;

const retry = ({ client, restoreId }: PowerRun): Promise<unknown> =>
  client.workflow.getHandle(restoreId).executeUpdate(Message.retryNow);

describe('The return', () => {
  it('starts no guest a second time that somebody has stopped since, and lets others use the cluster', async () => {
    const day = await live(environment(), {
      mains: outFor(1_200),
      longest: 8 * 3_600,
      instead: {
        wakeNode: async ({ node }, usual, run) =>
          node === 'pve2' && run.site.now < 6_000 ? { outcome: 'failed', words: 'it does not answer' } : usual(),
      },
      meanwhile: [
        {
          at: 6_100,
          act: async (run) => {
            const files = run.site.guests.find(({ name }) => name === 'files');
            if (files) files.running = false;
            run.site.record('a person stops files');
            await retry(run);
          },
        },
      ],
    });
    // It is what that person wants.
    expect(day.breaches).toEqual(['files does not run, and nobody was told']);
    expect(day.story.slice(day.story.indexOf('a person stops files'))).not.toContain('start files');
    expect(day.report?.outcome).toBe('restored');
    const { events } = await day.run.client.workflow.getHandle(day.run.restoreId).fetchHistory();
    const signals = events?.flatMap(
      (event) => event.signalExternalWorkflowExecutionInitiatedEventAttributes?.signalName ?? [],
    );
    expect(signals).toContain(Message.releaseLease);
  });

  it('tries again at once when that was ordered while it was still trying', async () => {
    let tries = 0;
    const day = await live(environment(), {
      mains: outFor(1_200),
      settings: (settings) => ({ ...settings, restore: { ...settings.restore, attempts: 1 } }),
      instead: {
        wakeNode: async ({ node }, usual, run) => {
          if (node === 'pve2') tries += 1;
          if (node !== 'pve2' || tries > 1) return usual();
          await retry(run);
          return { outcome: 'failed', words: 'it does not answer' };
        },
      },
    });
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
    expect(tries).toBe(2);
  });

  it('with a battery that does not charge tells people, who can wake the nodes all the same', async () => {
    const day = await live(environment(), {
      mains: outFor(1_200),
      settings: (settings) => ({ ...settings, restore: { ...settings.restore, tellAfter: '1 ms' } }),
      variables: (second) => (second > BEGIN + 300 ? { 'battery.charge': '38' } : {}),
      meanwhile: [
        {
          at: BACK + 1_000,
          act: async (run) => {
            const waits = () => run.mails.filter(({ text }) => text.includes('38 of 40 %'));
            await expect.poll(waits, { timeout: 20_000 }).toHaveLength(1);
            await retry(run);
          },
        },
      ],
    });
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
  });

  it('that another one stands in the way of is told with all that has to be taken back by hand', async () => {
    const day = await live(environment(), {
      mains: outFor(600),
      longest: BEGIN + 900,
      before: (site) => ({ ...site, ha: { armed: 'armed', active: true, requested: { 'vm:201': 'started' } } }),
      meanwhile: [
        {
          at: BEGIN + 500,
          act: async ({ client, restoreId, settings }) => {
            await client.workflow.start('maintenanceLease', {
              workflowId: restoreId,
              taskQueue: (await client.workflow.getHandle(restoreId.replace('restore', 'outage')).describe()).taskQueue,
              args: [{ cluster: settings.cluster }],
            });
          },
        },
      ],
    });
    expect(day.report?.outcome).toBe('restored-with-exceptions');
    const text = day.report?.exceptions.join('\n');
    for (const part of [/pvecm expected 2/, /arm-ha/, /ha-manager set vm:201 --state started/]) {
      expect(text).toMatch(part);
    }
  });
});
