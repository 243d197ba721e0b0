import { describe, expect, it } from 'vitest';
import { Message } from '../../domain/messages.ts';
import { BEGIN, live, outFor, usePowerEnvironment } from '../helpers/power/live.ts';
import type { PowerRun } from '../helpers/power/power-run.ts';

const environment = usePowerEnvironment();

/** Tells the outage something at a second of the day, and keeps what it answers. */
function told(at: number, message: string, answers: string[] = []) {
  const act = async ({ client, outageId }: PowerRun): Promise<void> => {
    answers.push(await client.workflow.getHandle(outageId).executeUpdate<string, []>(message));
  };
  return { at, act };
}

describe('A person in an outage', () => {
  it('who aborts hears what cannot be undone, that the battery is low, and is not asked again before the mains are back', async () => {
    const answers: string[] = [];
    const day = await live(environment(), {
      mains: outFor(900),
      says: (second, truth) => (second >= BEGIN + 500 && truth.startsWith('OB') ? `${truth} LB` : truth),
      meanwhile: [told(BEGIN + 325, Message.abort, answers)],
    });
    expect(answers).toEqual([
      'no further step is taken. pve2 has been told to shut down, which nothing calls back; it returns with the mains.',
    ]);
    expect(day.story).toContain('pve2 off');
    expect(day.story.filter((what) => what.startsWith('pve1: stop') || what === 'pve1 shuts down')).toEqual([]);
    const low = day.run.mails.filter(({ subject }) => subject.includes('it was aborted'));
    expect(low).toHaveLength(1);
    expect(low[0]?.text).toContain('the battery is low (LB)');
    expect(day.run.mails.filter(({ subject }) => subject.includes('is on battery'))).toHaveLength(1);
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
  });

  it('who orders phase 3 while the mains are there has nothing shut down: every act looks at the UPS itself', async () => {
    const day = await live(environment(), {
      mains: outFor(120),
      meanwhile: [told(BEGIN + 130, Message.finalNow), told(BEGIN + 131, Message.shedNow)],
    });
    expect(day.story).toEqual([]);
    expect(day.report?.outcome).toBe('blip');
  });
});
