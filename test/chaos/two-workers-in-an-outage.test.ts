import { expect, it } from 'vitest';
import { Message } from '../../domain/messages.ts';
import { TaskQueue } from '../../domain/task-queues.ts';
import { liveOutage } from '../helpers/chaos/disturbed-outage.ts';
import { outageBreachesOf } from '../helpers/chaos/outage-judge.ts';

/** Nobody waits for them: phases are ordered. */
const POWER = { shed: { after: '1 hour' }, final: { after: '2 hours' } } as const;

it('two workers, two guards and every order three times: one outage is answered once, each node goes down once, and one set of mails is sent', () =>
  liveOutage({ power: POWER }, async (outage) => {
    const { roll } = outage;
    const { client, lab } = roll;
    await roll.startWorker({ args: ['power'] });
    await client.workflow.start('powerGuard', { workflowId: 'power-guard/another', taskQueue: TaskQueue.power });
    await outage.watched();
    outage.setMains(false);
    const order = (update: string) =>
      Promise.all(Array.from({ length: 3 }, () => outage.outage.executeUpdate(update, { args: [] })));
    await outage.until('outage', ({ events }) => events.some(({ text }) => text.startsWith('before: ')));
    await order(Message.shedNow);
    await outage.until('outage', ({ nodes }) => nodes['pve2'] === 'off');
    await order(Message.finalNow);
    await outage.until('outage', ({ stage }) => stage === 'halted');
    outage.setMains(true);
    const report = await outage.report();
    expect(outageBreachesOf(lab, { ...outage, report })).toEqual([]);
    expect(report.outcome).toBe('restored');
    for (const type of ['powerOutage', 'powerRestore']) {
      expect(await client.workflow.count(`WorkflowType = "${type}"`)).toMatchObject({ count: 1 });
    }
  }));
