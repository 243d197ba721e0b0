import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { joinCluster } from '../../lab/cluster/node.ts';
import { smallSite } from '../../lab/site.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { labActivities, type LabActivities } from '../helpers/lab-activities.ts';

interface Heartbeat {
  readonly waitingFor: string;
}

const NO_MEMBER = 'is offline for the other nodes, does not see a quorate cluster itself';

describe('a node whose corosync does not find the others after its boot', () => {
  let world: LabActivities;
  beforeEach(async () => {
    // Without it the others are quorate, with a QDevice in its stead.
    world = await labActivities(smallSite({ qdevice: true }));
  });
  afterEach(() => world.close());

  /** Reboots pve1 and returns what `awaitRejoin` is asked for then. */
  async function rebootAlone() {
    const { lab, activities } = world;
    const before = await activityEnvironment().run(activities.readNodeHealth, { node: 'pve1' });
    lab.faults.once((point) => (point.at === 'node' && point.step === 'join' ? { do: 'drop' } : undefined));
    const { bootId } = lab.node('pve1').machine;
    await activityEnvironment().run(activities.rebootNode, { node: 'pve1', bootId, within: '1 minute' });
    const { activeServices: services, activeStorages: storages } = before;
    return { node: 'pve1', expected: { bootIdBefore: bootId, kernel: null, services, storages } };
  }

  it('is waited for, although it answers over SSH and its API', async () => {
    const { lab, activities } = world;
    const input = await rebootAlone();
    const environment = activityEnvironment();
    environment.onHeartbeat((details) => {
      const missing = (details as Partial<Heartbeat> | undefined)?.waitingFor;
      if (missing?.startsWith(NO_MEMBER) === true && !lab.node('pve1').joined)
        joinCluster(lab.cluster, lab.node('pve1'));
    });

    const health = await environment.run(activities.awaitRejoin, { ...input, within: '1 minute' });

    expect(lab.node('pve1').joined).toBe(true);
    expect(health).toMatchObject({ onlineForPeers: true, ownQuorate: true });
  });

  it('never counts as back', async () => {
    const input = await rebootAlone();

    const waiting = activityEnvironment().run(world.activities.awaitRejoin, { ...input, within: '2 seconds' });

    await expect(waiting).rejects.toMatchObject({
      type: 'RejoinFailed',
      message: expect.stringContaining(NO_MEMBER) as string,
    });
  });
});
