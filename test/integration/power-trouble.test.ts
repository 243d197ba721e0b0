import { Context } from '@temporalio/activity';
import { describe, expect, it } from 'vitest';
import { BEGIN, live, outFor, secondOf, usePowerEnvironment, type Day } from '../helpers/power/live.ts';
import { SOME_GUESTS } from '../helpers/power/virtual-site.ts';

const environment = usePowerEnvironment();

const hour = 3_600;

const mailed = ({ run }: Day, words: RegExp): number =>
  run.mails.filter(({ subject, text }) => words.test(`${subject}\n${text}`)).length;

describe('A power cut', () => {
  it('goes by the runtime before its time, not by a charge that jumps at the transfer or what the UPS counts down', async () => {
    const day = await live(environment(), {
      mains: outFor(400),
      variables: (second) => ({
        'battery.charge': second < BEGIN + 5 ? '25' : '90',
        'battery.runtime': second < BEGIN + 100 ? '1500' : second < BEGIN + 200 ? '390' : '290',
        'ups.timer.shutdown': '30',
        'ups.delay.shutdown': '20',
      }),
    });
    expect(day.breaches).toEqual([]);
    expect(secondOf(day, 'pve2: stop media, lab')).toBeGreaterThanOrEqual(BEGIN + 100);
    expect(secondOf(day, 'pve2: stop media, lab')).toBeLessThan(BEGIN + 110);
    expect(secondOf(day, 'pve1: stop files')).toBeGreaterThanOrEqual(BEGIN + 200);
    expect(secondOf(day, 'pve1: stop files')).toBeLessThan(BEGIN + 210);
  });

  it('of a site without nodes to shed has two phases, and one node is a site', async () => {
    const guests = SOME_GUESTS.filter(({ node }) => node === 'pve1');
    const day = await live(environment(), { mains: outFor(1_000), nodes: ['pve1'], guests });
    expect(day.run.settings.shedNodes).toEqual([]);
    expect(day.breaches).toEqual([]);
    expect(day.story.slice(0, 4)).toEqual(['pve1: stop files', 'pve1: stop dns', 'pve1 shuts down', 'pve1 off']);
    expect(secondOf(day, 'pve1: stop files')).toBeGreaterThanOrEqual(BEGIN + 900);
    expect(day.report?.outcome).toBe('restored');
  });

  it('in which neither node goes down though both take the order is told of each, and wakes nobody afterwards', async () => {
    const day = await live(environment(), {
      mains: outFor(1_000),
      longest: 8 * hour,
      instead: { shutDownNode: () => Promise.resolve({ outcome: 'done', words: 'accepted' }) },
    });
    for (const node of ['pve1', 'pve2']) expect(mailed(day, new RegExp(`${node} .* was not seen off`))).toBe(1);
    expect(day.story.filter((what) => what.endsWith('is turned on'))).toEqual([]);
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
  });

  it('with the mail server dead is answered in time, and every mail waits to be sent', async () => {
    const waiting = new Set<string>();
    const day = await live(environment(), {
      mains: outFor(400),
      instead: {
        sendMail: () => {
          waiting.add(Context.current().info.workflowExecution?.workflowId ?? '');
          return Promise.reject(new Error('connect ECONNREFUSED'));
        },
      },
    });
    const { client } = environment();
    const states = await Promise.all(
      [...waiting].map(async (id) => {
        const { status } = await client.workflow.getHandle(id).describe();
        await client.workflow.getHandle(id).terminate('the test is over');
        return status.name;
      }),
    );
    expect(secondOf(day, 'pve2: stop media, lab')).toBeLessThan(BEGIN + 310);
    expect(day.report?.outcome).toBe('restored');
    expect(states.length).toBeGreaterThan(2);
    expect(new Set(states)).toEqual(new Set(['RUNNING']));
  });
});

describe('The mains come back', () => {
  it('with an order to shut down (FSD) that still stands: people are told to restart upsd, and nobody is woken before', async () => {
    const day = await live(environment(), {
      mains: outFor(300),
      says: (second, truth) => (second >= BEGIN + 60 && second < BEGIN + 1_200 ? `FSD ${truth}` : truth),
      longest: 8 * hour,
    });
    expect(secondOf(day, 'pve1 off')).toBeLessThan(BEGIN + 300);
    expect(secondOf(day, 'pve1 is turned on')).toBeGreaterThanOrEqual(BEGIN + 1_200);
    expect(mailed(day, /[Rr]estart upsd/)).toBeGreaterThan(0);
    expect(day.breaches).toEqual([]);
  });

  it('and the first magic packet is lost, and a node comes up without its cluster: both are tried again', async () => {
    let packets = 0;
    let joins = 0;
    const day = await live(environment(), {
      mains: outFor(1_000),
      longest: 8 * hour,
      instead: {
        wakeNode: async ({ node, within }, usual, run) => {
          if (node !== 'pve1' || packets++ > 0) return usual();
          await run.pass(Number.parseInt(within, 10) * 60);
          return { outcome: 'failed', words: 'it does not answer' };
        },
        awaitRejoin: ({ node }, usual) => {
          if (node !== 'pve2' || joins++ > 0) return usual();
          return Promise.reject(new Error('pve2 does not see a quorum'));
        },
      },
    });
    expect(packets).toBe(2);
    expect(joins).toBeGreaterThan(1);
    expect(day.breaches).toEqual([]);
    expect(day.report?.outcome).toBe('restored');
  });
});
