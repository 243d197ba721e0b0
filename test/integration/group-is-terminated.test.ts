import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLeaseActivities } from '../../activities/lease.ts';
import { patchFleetId } from '../../domain/ids.ts';
import { connectToDevServer } from '../helpers/temporal.ts';
import { aFleetWorld, aGate, untilMailed, updateWeekly } from '../workflow/fleet-world.ts';
import { until } from '../workflow/roll-world.ts';

let environment: TestWorkflowEnvironment;
beforeAll(async () => {
  environment = await connectToDevServer();
});
afterAll(() => environment.teardown());

// The time-skipping server does not tell a run that its child was terminated.
describe('weekly updates of which a group is terminated', () => {
  it('wait for the hosts that are still in hand, begin no other group, and say why', async () => {
    const world = aFleetWorld({ lxc: { hosts: ['pihole-1', 'traefik'] }, 'docker-vms': { hosts: ['plex-vm'] } });
    const gate = aGate();
    const leases = createLeaseActivities();
    const looks: { inHand: number; over: boolean }[] = [];
    world.patch = async () => {
      await gate.passed;
      return {};
    };
    world.isOver = async (input) => {
      const inHand = world.inHand.size;
      const over = await leases.isRunOver(input);
      looks.push({ inHand, over });
      gate.open();
      return over;
    };
    const { type, report } = await updateWeekly(
      environment,
      world,
      {},
      {
        meanwhile: async () => {
          await until(() => world.inHand.size === 2);
          await environment.client.workflow.getHandle(patchFleetId(world.cluster, 'lxc')).terminate('by the test');
          await untilMailed(environment, world);
        },
      },
    );
    expect(looks[0]).toEqual({ inHand: 2, over: false });
    expect(looks.at(-1)).toEqual({ inHand: 0, over: true });
    expect(type).toBe('FleetFailed');
    expect(world.begun.map(({ host }) => host).sort()).toEqual(['pihole-1', 'traefik']);
    expect(report).toMatchObject({ outcome: 'failed', groups: [{ name: 'lxc', outcome: 'failed', hosts: [] }] });
    expect(report.reason).toContain('ended without a report');
    expect(report.reason).toContain('not begun: docker-vms');
    expect(world.mails[0]?.subject).toMatch(/^FAILED: weekly updates of /);
  });
});
