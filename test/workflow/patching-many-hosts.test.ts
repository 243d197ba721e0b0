import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patchFleetId, patchHostId } from '../../domain/ids.ts';
import type { LeaseRequest } from '../../domain/lease.ts';
import type { FleetProgress, FleetReport, HostOutcome } from '../../domain/patch.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aFleetWorld, aGate, hostNames, patchGroupOf, untilMailed } from './fleet-world.ts';
import { until } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(() => environment.teardown());

const POWER: LeaseRequest = {
  run: { workflowId: 'power-guard/rack', runId: 'power-run' },
  reason: 'the UPS is on battery',
  priority: 'power',
};

function outcomes({ hosts }: FleetReport): Record<string, HostOutcome> {
  return Object.fromEntries(hosts.map(({ host, outcome }) => [host, outcome]));
}

function hostsWith({ hosts }: FleetReport, ...wanted: HostOutcome[]): string[] {
  return hosts.filter(({ outcome }) => wanted.includes(outcome)).map(({ host }) => host);
}

describe('a group of fifty hosts of which five fail', () => {
  it('has the other 45 patched, fails loudly and sends one mail that names the five', async () => {
    const world = aFleetWorld({
      lxc: { hosts: hostNames(50), policy: { serial: 5, continueOnError: true, maxFailures: null } },
    });
    const bad = ['host-7', 'host-18', 'host-29', 'host-30', 'host-50'];
    world.patch = async ({ host }) => {
      await until(() => world.most === 5);
      return bad.includes(host)
        ? { outcome: 'failed', reason: `dpkg is broken on ${host}`, remedy: `Mend ${host}.` }
        : {};
    };
    const { type, report } = await patchGroupOf(environment, world, { name: 'lxc' }, () =>
      untilMailed(environment, world),
    );
    expect(type).toBe('FleetFailed');
    expect(report).toMatchObject({ outcome: 'failed', reason: '5 failed, 45 patched' });
    expect(hostsWith(report, 'failed')).toEqual(bad);
    expect(hostsWith(report, 'patched')).toHaveLength(45);
    expect(world.most).toBe(5);
    expect(world.mails).toHaveLength(1);
    expect(world.mails[0]?.subject).toBe(`FAILED: patching of lxc in ${world.cluster}: 5 hosts failed`);
    for (const host of bad) expect(world.mails[0]?.text).toContain(`dpkg is broken on ${host}`);
  });
});

describe('two hosts that must not be away together', () => {
  it('are never in hand at the same time, and the others do not wait for them', async () => {
    const hosts = ['pihole-1', 'pihole-2', 'traefik'];
    const world = aFleetWorld({ lxc: { hosts, neverTogether: [['pihole-1', 'pihole-2']] } });
    const together: string[][] = [];
    const gate = aGate();
    world.patch = async ({ host }) => {
      together.push([...world.inHand]);
      if (host === 'pihole-1') await gate.passed;
      if (host === 'traefik') gate.open();
      return {};
    };
    const { report } = await patchGroupOf(environment, world, { name: 'lxc' });
    expect(report.outcome).toBe('done');
    expect(together.filter((each) => each.includes('pihole-1') && each.includes('pihole-2'))).toEqual([]);
    expect(world.begun.at(-1)?.host).toBe('pihole-2');
  });

  it('are not both risked: after the one was rolled back the other is left alone', async () => {
    const hosts = ['pihole-1', 'pihole-2', 'traefik'];
    const world = aFleetWorld({ lxc: { hosts, neverTogether: [['pihole-1', 'pihole-2']] } });
    world.patch = ({ host }) => (host === 'pihole-1' ? { outcome: 'rolled-back', reason: 'DNS did not answer' } : {});
    const { type, report } = await patchGroupOf(environment, world, { name: 'lxc' });
    expect(type).toBe('FleetFailed');
    expect(outcomes(report)).toEqual({ 'pihole-1': 'rolled-back', 'pihole-2': 'not-started', traefik: 'patched' });
    expect(report.hosts[1]?.reason).toContain('pihole-1 ended badly');
  });
});

describe('a group that may lose two hosts', () => {
  it('begins no more after the second, and says which were not begun', async () => {
    const world = aFleetWorld({
      lxc: { hosts: hostNames(10), policy: { serial: 1, continueOnError: true, maxFailures: 2 } },
    });
    world.patch = ({ host }) => (host === 'host-2' || host === 'host-4' ? { outcome: 'failed' } : {});
    const { report } = await patchGroupOf(environment, world, { name: 'lxc' });
    expect(hostsWith(report, 'not-started')).toEqual(hostNames(10).slice(4));
    expect(world.begun).toHaveLength(4);
    expect(report.hosts.at(-1)?.reason).toContain('maxFailures');
  });
});

describe('a maintenance window that closes between two hosts', () => {
  const windows = [{ days: ['sunday'], from: '03:00', to: '05:00' }] as const;

  it('leaves the rest, with the time at which the next one opens', async () => {
    const world = aFleetWorld({ lxc: { hosts: hostNames(4), windows, timeZone: 'Europe/Berlin' } });
    let asked = 0;
    world.window = () =>
      ++asked <= 2
        ? { start: true, until: '2026-11-22T04:00:00.000Z' }
        : {
            start: false,
            opens: '2026-11-29T02:00:00.000Z',
            opensLocal: 'Sunday 2026-11-29 03:00 (Europe/Berlin)',
            longest: 7_200_000,
          };
    const { type, report } = await patchGroupOf(environment, world, { name: 'lxc' }, () =>
      untilMailed(environment, world),
    );
    expect(type).toBe('FleetFailed');
    expect(report.outcome).toBe('stopped');
    expect(Object.values(outcomes(report)).slice(0, 2)).toEqual(['patched', 'patched']);
    expect(report.hosts.at(-1)).toMatchObject({
      outcome: 'not-started',
      reason: 'no maintenance window is open; the next one opens on Sunday 2026-11-29 03:00 (Europe/Berlin)',
    });
    expect(world.mails[0]?.subject).toMatch(/^TO DO: patching of lxc in .*: host-3 and host-4 not started$/);
  });

  it('is not asked about by a run that was told to ignore it', async () => {
    const world = aFleetWorld({ lxc: { hosts: hostNames(2), windows, timeZone: 'Europe/Berlin' } });
    world.window = () => ({ start: false, opens: null, opensLocal: null, longest: 0 });
    const { report } = await patchGroupOf(environment, world, { name: 'lxc', ignoreWindow: true });
    expect(report.outcome).toBe('done');
  });
});

describe('a run of a group that is told', () => {
  it('to stop lets the hosts in hand end their step, and begins no more', async () => {
    const world = aFleetWorld({ lxc: { hosts: hostNames(6) } });
    const gate = aGate();
    world.patch = async ({ host }) => {
      if (host !== 'host-1') await gate.passed;
      return {};
    };
    const { type, report } = await patchGroupOf(environment, world, { name: 'lxc' }, async ({ handle }) => {
      await until(() => world.begun.length === 3);
      await handle.executeUpdate('abort');
      await until(async () => (await told(world.cluster, 'host-2')).includes('abort'));
      gate.open();
    });
    expect(type).toBe('Aborted');
    expect(outcomes(report)).toEqual({
      'host-1': 'patched',
      'host-2': 'aborted',
      'host-3': 'aborted',
      'host-4': 'not-started',
      'host-5': 'not-started',
      'host-6': 'not-started',
    });
  });

  it('that power needs the cluster does the same, and says who needs it', async () => {
    const world = aFleetWorld({ lxc: { hosts: hostNames(3) } });
    const gate = aGate();
    world.patch = async () => {
      await gate.passed;
      return {};
    };
    const { type, report } = await patchGroupOf(environment, world, { name: 'lxc' }, async ({ handle }) => {
      await until(() => world.begun.length === 2);
      // One that is meant for an earlier run of the same name is none of its business.
      await handle.signal(
        'preempted',
        { ...POWER, reason: 'not for you' },
        { workflowId: handle.workflowId, runId: 'another' },
      );
      await handle.signal('preempted', POWER, world.leases[0]?.run);
      await until(async () => (await told(world.cluster, 'host-2')).includes('preempted'));
      gate.open();
    });
    expect(type).toBe('Aborted');
    expect(report.reason).toContain('Pre-empted by power-guard/rack: the UPS is on battery');
    expect(Object.values(outcomes(report))).toEqual(['aborted', 'aborted', 'not-started']);
  });

  it('to end by a cancellation ends as canceled, with the report of every host for those who ask', async () => {
    const world = aFleetWorld({ lxc: { hosts: hostNames(3) } });
    const gate = aGate();
    world.patch = async () => {
      await gate.passed;
      return {};
    };
    const { canceled, report } = await patchGroupOf(environment, world, { name: 'lxc' }, async ({ handle, end }) => {
      await until(() => world.begun.length === 2);
      await handle.cancel();
      await until(async () => (await told(world.cluster, 'host-2')).includes('abort'));
      gate.open();
      await end();
    });
    expect(canceled).toBe(true);
    expect(Object.values(outcomes(report))).toEqual(['aborted', 'aborted', 'not-started']);
  });

  it('to pause begins no more until it is resumed', async () => {
    const world = aFleetWorld({ lxc: { hosts: hostNames(4) } });
    const gate = aGate();
    const facts: { begunWhilePaused?: number } = {};
    world.patch = async ({ host }) => {
      if (host === 'host-1') await gate.passed;
      return {};
    };
    const { report } = await patchGroupOf(environment, world, { name: 'lxc' }, async ({ handle }) => {
      const progress = () => handle.query<FleetProgress>('progress');
      await until(() => world.begun.some(({ host }) => host === 'host-1'));
      await handle.executeUpdate('pause');
      gate.open();
      await until(async () => (await progress()).inHand.length === 0);
      facts.begunWhilePaused = world.begun.length;
      await until(async () => (await progress()).waitingFor === 'resume');
      expect(world.begun).toHaveLength(facts.begunWhilePaused);
      await handle.executeUpdate('resume');
    });
    expect(facts.begunWhilePaused).toBeLessThan(4);
    expect(report.outcome).toBe('done');
  });
});

describe('a host whose run', () => {
  it('is somebody else’s already is a failed line that says what to do, and the others go on', async () => {
    const world = aFleetWorld({ lxc: { hosts: hostNames(2) } });
    const id = patchHostId(world.cluster, 'host-1');
    await environment.client.workflow.start('patchHost', { taskQueue: 'nobody', workflowId: id });
    const { report } = await patchGroupOf(environment, world, { name: 'lxc' });
    await environment.client.workflow.getHandle(id).terminate('by the test');
    expect(report.hosts).toMatchObject([
      {
        outcome: 'failed',
        reason: `${id} patches it already, or waits for its turn, which comes when this run is over`,
        remedy: 'See how that run ends; it patches host-1 unless it is canceled.',
      },
      { outcome: 'patched' },
    ]);
  });
});

describe('three hundred hosts', () => {
  it('are all patched once by a run that continues as new again and again, under one lease', async () => {
    const hosts = hostNames(300);
    const world = aFleetWorld({ lxc: { hosts, policy: { serial: 20, continueOnError: true, maxFailures: null } } });
    world.patch = ({ host }) => (host === 'host-150' ? { outcome: 'failed', reason: 'no space left' } : {});
    const runs = new Set<string>();
    const { type, report } = await patchGroupOf(environment, world, { name: 'lxc', longest: 60 }, async ({ end }) => {
      const ended = end().then(() => true);
      const handle = environment.client.workflow.getHandle(patchFleetId(world.cluster, 'lxc'));
      while (!(await Promise.race([ended, new Promise<false>((resolve) => setTimeout(() => resolve(false), 50))]))) {
        runs.add((await handle.describe()).runId);
      }
      await untilMailed(environment, world);
    });
    expect(type).toBe('FleetFailed');
    expect(world.begun.map(({ host }) => host).sort()).toEqual([...hosts].sort());
    expect(report.hosts.map(({ host }) => host)).toEqual(hosts);
    expect(hostsWith(report, 'failed')).toEqual(['host-150']);
    expect(runs.size).toBeGreaterThan(1);
    expect(new Set(world.leases.map(({ run }) => run.runId)).size).toBe(1);
    expect(new Set(world.begun.map(({ lease }) => lease?.runId))).toEqual(new Set([world.leases[0]?.run.runId]));
    expect(world.mails).toHaveLength(1);
  });
});

describe('a dry run', () => {
  it('asks for no lease, keeps no real run from its hosts, and mails nothing', async () => {
    const world = aFleetWorld({ lxc: { hosts: hostNames(2) } });
    world.patch = ({ host }) =>
      host === 'host-2'
        ? { outcome: 'failed', reason: 'it does not answer' }
        : { outcome: 'planned', reason: '3 packages to upgrade' };
    const id = patchHostId(world.cluster, 'host-1');
    await environment.client.workflow.start('patchHost', { taskQueue: 'nobody', workflowId: id });
    const { report } = await patchGroupOf(environment, world, { name: 'lxc', policy: { dryRun: true } });
    await environment.client.workflow.getHandle(id).terminate('by the test');
    expect(hostsWith(report, 'planned')).toEqual(['host-1']);
    expect(report.outcome).toBe('failed');
    expect(world.leases).toEqual([]);
    expect(world.mails).toEqual([]);
  });
});

/** Names of the messages that the run of a host has got. */
async function told(cluster: string, host: string): Promise<string[]> {
  const { events } = await environment.client.workflow.getHandle(patchHostId(cluster, host)).fetchHistory();
  return (events ?? []).flatMap((event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? []);
}
