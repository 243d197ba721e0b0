import { ApplicationFailure } from '@temporalio/client';
import { describe, expect, it } from 'vitest';
import { Message } from '../../domain/messages.ts';
import type { SiteBefore } from '../../domain/outage.ts';
import { BEGIN, live, outFor, secondOf, usePowerEnvironment, type Day } from '../helpers/power/live.ts';

const environment = usePowerEnvironment();

const REQUESTED = { 'ct:201': 'started', 'ct:103': 'stopped' };

/** HA is at work in the pair, without a QDevice: what loses quorum would be reset. */
const underHa =
  (armed: SiteBefore['ha']['armed']) =>
  (site: SiteBefore): SiteBefore => ({ ...site, ha: { armed, active: true, requested: REQUESTED } });

const REFUSED = ApplicationFailure.nonRetryable('403 Permission check failed (/, Sys.Console)', 'RemoteRefused');

describe('A power cut of two nodes under HA', () => {
  it('disarms it before anything goes, arms it again when all are back, and asks for the states of before', async () => {
    const day = await live(environment(), { mains: outFor(1_000), before: underHa('armed') });
    expect(day.breaches).toEqual([]);
    expect(day.story[0]).toBe('HA disarmed');
    expect(day.story.filter((what) => what.startsWith('HA'))).toEqual(['HA disarmed', 'HA armed']);
    expect(secondOf(day, 'HA armed')).toBeGreaterThan(secondOf(day, 'pve2 on'));
    expect(secondOf(day, 'HA armed')).toBeGreaterThan(secondOf(day, 'pve1 on'));
    expect(day.run.calls.findLast(({ name }) => name === 'setHaRequests')?.input).toMatchObject({
      requested: REQUESTED,
    });
    expect(day.story).not.toContain('start old');
    expect(day.report?.outcome).toBe('restored');
  });

  it('that cannot be disarmed keeps both until phase 3, in which they go at the same moment', async () => {
    const day = await live(environment(), { mains: outFor(1_000), before: underHa(null) });
    const told = day.run.mails.find(({ subject }) => subject.includes('phase 2 sheds nothing'));
    expect(told?.text.replaceAll(/\s+/g, ' ')).toContain('the watchdog would reset the remaining nodes');
    goTogether(day);
    expect(day.story).not.toContain('pve1: expects 1');
    expect(day.report?.outcome).toBe('restored');
  });

  it('whose disarming is refused sheds nothing, says why, and lets both go at the same moment', async () => {
    const day = await live(environment(), {
      mains: outFor(1_000),
      before: underHa('armed'),
      instead: { ensureHaArmed: ({ armed }, usual) => (armed ? usual() : Promise.reject(REFUSED)) },
    });
    const told = day.run.mails.find(({ subject }) => subject.includes('phase 2 sheds nothing'));
    expect(told?.text.replaceAll(/\s+/g, ' ')).toContain('HA could not be disarmed');
    goTogether(day);
    // The command may have been taken all the same.
    expect(day.story).toContain('HA armed');
    expect(day.report?.outcome).toBe('restored');
  });

  it('has it armed again though the outage was aborted', async () => {
    const day = await live(environment(), {
      mains: outFor(400),
      before: underHa('armed'),
      meanwhile: [
        {
          at: BEGIN + 345,
          act: async ({ client, outageId }) => {
            await client.workflow.getHandle(outageId).executeUpdate(Message.abort);
          },
        },
      ],
    });
    expect(day.story.filter((what) => what.startsWith('HA'))).toEqual(['HA disarmed', 'HA armed']);
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
  });
});

/** One that went first would take quorum from the other, whose watchdog would reset it. */
function goTogether(day: Day): void {
  expect(secondOf(day, 'pve2: stop media, lab')).toBe(secondOf(day, 'pve1: stop files'));
  expect(secondOf(day, 'pve2 shuts down')).toBe(secondOf(day, 'pve1 shuts down'));
}
