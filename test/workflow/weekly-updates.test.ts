import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patchFleetId, weeklyUpdatesId } from '../../domain/ids.ts';
import type { FleetProgress, WeeklyProgress, WeeklyReport } from '../../domain/patch.ts';
import { timeSkippingEnvironment } from '../helpers/temporal.ts';
import { aFleetWorld, aGate, hostNames, untilMailed, updateWeekly, type FleetWorld } from './fleet-world.ts';
import { until } from './roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await timeSkippingEnvironment();
});
afterAll(() => environment.teardown());

function aWeek(parts: Partial<FleetWorld['groups']> = {}): FleetWorld {
  return aFleetWorld({
    lxc: { hosts: ['pihole-1', 'traefik'] },
    'docker-vms': { hosts: ['plex-vm', 'pihole-2'], policy: { serial: 1, continueOnError: true, maxFailures: null } },
    ...parts,
  });
}

function outcomes({ groups }: WeeklyReport): string[] {
  return groups.flatMap(({ name, hosts }) => hosts.map(({ host, outcome }) => `${name}/${host}: ${outcome}`));
}

const HOLDER = {
  run: { workflowId: 'rolling-update/first', runId: 'first-run' },
  reason: 'rolling update',
  priority: 'maintenance',
  since: '2026-11-22T03:00:00.000Z',
  preemptedBy: null,
} as const;

// First, while nothing else has been run: the server skips no more time after a run that has started others.
describe('weekly updates that never get their turn', () => {
  it('are refused in the end, say who has the cluster, and mail it with what to do about the schedule', async () => {
    const world = aWeek();
    world.lease = { granted: false, holder: HOLDER, ahead: 0 };
    const id = `${weeklyUpdatesId(world.cluster)}-2026-11-22T03:00:00Z`;
    const { type, report } = await updateWeekly(
      environment,
      world,
      {},
      {
        id,
        meanwhile: async ({ end }) => {
          await end();
          await untilMailed(environment, world);
        },
      },
    );
    expect(type).toBe('Refused');
    expect(report.outcome).toBe('refused');
    expect(report.reason).toContain('Waited 1 hour for the cluster: rolling-update/first has the cluster since');
    expect(world.begun).toEqual([]);
    expect(world.mails[0]?.subject).toMatch(/^REFUSED: weekly updates of /);
    expect(world.mails[0]?.text.replaceAll('\n', ' ')).toContain('caretaker schedules resume weekly-updates');
  });
});

describe('weekly updates', () => {
  it('patch group by group with one lease, and send one mail', async () => {
    const world = aWeek();
    const { type, report } = await updateWeekly(
      environment,
      world,
      {},
      { meanwhile: () => untilMailed(environment, world) },
    );
    expect(type).toBeNull();
    expect(report).toMatchObject({ outcome: 'done', reason: '4 patched' });
    expect(report.groups.map(({ name }) => name)).toEqual(['lxc', 'docker-vms']);
    expect(world.begun.slice(2).map(({ host }) => host)).toEqual(['plex-vm', 'pihole-2']);
    expect(world.leases.map(({ reason }) => reason)).toEqual(['weekly updates']);
    expect(new Set(world.begun.map(({ lease }) => lease?.workflowId))).toEqual(
      new Set([weeklyUpdatesId(world.cluster)]),
    );
    expect(world.mails.map(({ subject }) => subject)).toEqual([`Weekly updates of ${world.cluster}: 4 patched`]);
    expect(world.mails[0]?.text).not.toContain('schedule');
  });

  it('go on with the next group after a failed host, but not with its partner, and fail loudly in the end', async () => {
    const neverTogether = [['pihole-1', 'pihole-2']];
    const world = aWeek();
    for (const group of Object.keys(world.groups)) Object.assign(world.groups[group] ?? {}, { neverTogether });
    world.patch = ({ host }) => (host === 'pihole-1' ? { outcome: 'failed', reason: 'no space left' } : {});
    const { type, report } = await updateWeekly(
      environment,
      world,
      {},
      { meanwhile: () => untilMailed(environment, world) },
    );
    expect(type).toBe('FleetFailed');
    expect(outcomes(report)).toEqual([
      'lxc/pihole-1: failed',
      'lxc/traefik: patched',
      'docker-vms/plex-vm: patched',
      'docker-vms/pihole-2: not-started',
    ]);
    expect(world.mails.map(({ subject }) => subject)).toEqual([
      `FAILED: weekly updates of ${world.cluster}: pihole-1 failed`,
    ]);
  });

  it('go on with the next group after one whose own run waits for its turn, and fail no host', async () => {
    const world = aWeek();
    const id = patchFleetId(world.cluster, 'lxc');
    await environment.client.workflow.start('patchFleet', { taskQueue: 'nobody', workflowId: id });
    const { type, report } = await updateWeekly(environment, world);
    await environment.client.workflow.getHandle(id).terminate('by the test');
    expect(type).toBe('FleetFailed');
    expect(report).toMatchObject({ outcome: 'stopped', reason: '2 patched; lxc not started' });
    expect(report.groups).toMatchObject([{ outcome: 'stopped', hosts: [] }, { outcome: 'done' }]);
    expect(report.groups[0]?.reason).toContain(`${id} was started by itself and waits for its turn`);
  });

  it('leave the partner of a host alone whose own run somebody has stopped', async () => {
    const neverTogether = [['pihole-1', 'pihole-2']];
    const world = aWeek();
    for (const group of Object.keys(world.groups)) Object.assign(world.groups[group] ?? {}, { neverTogether });
    const gate = aGate();
    world.patch = async ({ host }) => {
      if (host === 'pihole-1') await gate.passed;
      return {};
    };
    const { report } = await updateWeekly(
      environment,
      world,
      {},
      {
        meanwhile: async () => {
          await until(() => world.inHand.has('pihole-1'));
          await environment.client.workflow.getHandle(`patch-host/${world.cluster}/pihole-1`).signal('abort');
          await untilHostKnows(world, 'pihole-1', 'abort');
          gate.open();
        },
      },
    );
    expect(outcomes(report)).toEqual([
      'lxc/pihole-1: aborted',
      'lxc/traefik: patched',
      'docker-vms/plex-vm: patched',
      'docker-vms/pihole-2: not-started',
    ]);
  });

  it('end after the group in hand when they are told to stop', async () => {
    const world = aWeek();
    const gate = aGate();
    world.patch = async () => {
      await gate.passed;
      return {};
    };
    const progress: WeeklyProgress[] = [];
    const { type, report } = await updateWeekly(
      environment,
      world,
      {},
      {
        meanwhile: async ({ handle }) => {
          await until(() => world.begun.length === 2);
          progress.push(await handle.query<WeeklyProgress>('progress'));
          await handle.executeUpdate('abort');
          await untilHostsKnow(world, 'abort');
          gate.open();
        },
      },
    );
    expect(progress[0]?.groups).toEqual([
      { name: 'lxc', state: 'in-hand' },
      { name: 'docker-vms', state: 'waiting' },
    ]);
    expect(type).toBe('Aborted');
    expect(report.outcome).toBe('aborted');
    expect(outcomes(report)).toEqual(['lxc/pihole-1: aborted', 'lxc/traefik: aborted']);
  });

  it('that are canceled tell the report of the hosts that were in hand, even after the group continued as new', async () => {
    const world = aWeek({
      lxc: { hosts: hostNames(5), policy: { serial: 1, continueOnError: true, maxFailures: null } },
    });
    const gate = aGate();
    world.patch = async ({ host }) => {
      if (host === 'host-3') await gate.passed;
      return {};
    };
    const { canceled, report } = await updateWeekly(
      environment,
      world,
      { longest: 1 },
      {
        meanwhile: async ({ handle, end }) => {
          await until(() => world.inHand.has('host-3'));
          await handle.cancel();
          await untilHostKnows(world, 'host-3', 'abort');
          gate.open();
          await end();
        },
      },
    );
    expect(canceled).toBe(true);
    expect(outcomes(report)).toEqual([
      'lxc/host-1: patched',
      'lxc/host-2: patched',
      'lxc/host-3: aborted',
      'lxc/host-4: not-started',
      'lxc/host-5: not-started',
    ]);
  });

  it('that are paused hold the group in hand', async () => {
    const world = aWeek();
    const gate = aGate();
    world.patch = async () => {
      await gate.passed;
      return {};
    };
    const { report } = await updateWeekly(
      environment,
      world,
      {},
      {
        meanwhile: async ({ handle }) => {
          await until(() => world.begun.length === 2);
          await handle.executeUpdate('pause');
          const fleet = environment.client.workflow.getHandle(patchFleetId(world.cluster, 'lxc'));
          await until(async () => (await fleet.query<FleetProgress>('progress')).paused);
          gate.open();
          await until(async () => (await handle.query<WeeklyProgress>('progress')).waitingFor === 'resume');
          await handle.executeUpdate('resume');
        },
      },
    );
    expect(report.outcome).toBe('done');
  });

  it('look only in a dry run: no lease, no mail', async () => {
    const world = aWeek();
    world.patch = () => ({ outcome: 'planned', reason: '2 packages' });
    const { report } = await updateWeekly(environment, world, { policy: { dryRun: true } });
    expect(report).toMatchObject({ outcome: 'planned', reason: '4 would be patched' });
    expect([...world.leases, ...world.mails]).toEqual([]);
  });
});

async function untilHostsKnow(world: FleetWorld, message: string): Promise<void> {
  for (const host of world.inHand) await untilHostKnows(world, host, message);
}

async function untilHostKnows({ cluster }: FleetWorld, host: string, message: string): Promise<void> {
  const handle = environment.client.workflow.getHandle(`patch-host/${cluster}/${host}`);
  await until(async () => {
    const { events } = await handle.fetchHistory();
    return (events ?? []).some((event) => event.workflowExecutionSignaledEventAttributes?.signalName === message);
  });
}
