import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultBehavior } from '../../lab/core/faults.ts';
import { smallSite } from '../../lab/site.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { labActivities, type LabActivities } from '../helpers/lab-activities.ts';

/** It takes the place of the command and wants the name of the host typed in, which nobody does. */
const MOLLY_GUARD: FaultBehavior = (point) =>
  point.at === 'command' && point.phase === 'before' && point.name === 'systemctl' && point.argv.includes('reboot')
    ? { do: 'error', status: 1, reason: "Good thing I asked; I won't reboot pve1 ..." }
    : undefined;

describe('a reboot that molly-guard swallows', () => {
  let world: LabActivities;
  beforeEach(async () => {
    world = await labActivities(smallSite());
  });
  afterEach(() => world.close());

  const input = () => ({ node: 'pve1', bootId: world.lab.node('pve1').machine.bootId }) as const;

  it('is asked for again, and then happens once', async () => {
    const { lab, activities } = world;
    const before = input();
    lab.faults.once(MOLLY_GUARD);

    const after = await activityEnvironment().run(activities.rebootNode, { ...before, within: '1 minute' });

    expect(after.bootId).toBe(lab.node('pve1').machine.bootId);
    expect(after.bootId).not.toBe(before.bootId);
    expect(lab.log.of('fault.error')).toHaveLength(1);
    expect(lab.monitor.report().reboots).toEqual({ 'node/pve1': 1 });
  });

  it('again and again is not taken for a reboot: the failure says what may be in the way', async () => {
    const { lab, activities } = world;
    lab.faults.add(MOLLY_GUARD);

    const rebooting = activityEnvironment().run(activities.rebootNode, { ...input(), within: '1 second' });

    await expect(rebooting).rejects.toMatchObject({
      type: 'RebootNotProven',
      message: expect.stringContaining(
        'still up with its old boot id (is something like molly-guard in the way?)',
      ) as string,
    });
    expect(lab.log.of('fault.error').length).toBeGreaterThan(0);
    expect(lab.log.of('reboot.request')).toEqual([]);
  });
});
