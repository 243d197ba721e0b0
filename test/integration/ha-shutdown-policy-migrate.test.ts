import { afterEach, describe, expect, it } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { labActivities, type LabActivities } from '../helpers/lab-activities.ts';

describe('a node that shuts down only after HA has moved its guests away', () => {
  let world: LabActivities;
  afterEach(() => world.close());

  it('is in maintenance and empty by then, so its reboot hangs on nothing', async () => {
    world = await labActivities(smallSite({ nodes: 3, ha: true, overrides: { shutdownPolicy: 'migrate' } }));
    const { lab, activities } = world;
    const { bootId } = lab.node('pve1').machine;
    const within = '1 minute';
    await activityEnvironment().run(activities.ensureMaintenance, { node: 'pve1', on: true, within });
    const vmids = [101, 201];
    await activityEnvironment().run(activities.awaitHaGuestsAway, { node: 'pve1', vmids, within });
    const before = lab.log.events.length;

    const after = await activityEnvironment().run(activities.rebootNode, { node: 'pve1', bootId, within });

    expect(after.bootId).not.toBe(bootId);
    const since = lab.log.events.slice(before);
    expect(since.filter(({ action }) => action === 'guest.stop' || action === 'guest.migrated')).toEqual([]);
    expect(lab.monitor.report().reboots).toEqual({ 'node/pve1': 1 });
  });
});
