import { afterEach, expect, it } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import { activityEnvironment } from '../helpers/fake-deps.ts';
import { labActivities, type LabActivities } from '../helpers/lab-activities.ts';

const RESTART_MS = 20_000;

let world: LabActivities;
afterEach(() => world.close());

it('finds the migration that was started though its answer was lost, and starts no second one', async () => {
  world = await labActivities(smallSite());
  const { lab, activities } = world;
  lab.faults.once((point) => {
    if (point.at !== 'api' || point.phase !== 'after' || !point.path.endsWith('/201/migrate')) return undefined;
    if (point.method !== 'POST') return undefined;
    const proxy = lab.node(point.receiver);
    proxy.setApi(false);
    lab.clock.after(RESTART_MS, () => proxy.setApi(true));
    return { do: 'drop' };
  });

  const input = { vmid: 201, kind: 'qemu', name: 'vm-1', from: 'pve1', to: 'pve2', withLocalDisks: true } as const;
  const place = await activityEnvironment().run(activities.moveGuest, { ...input, within: '1 minute' });

  expect(place).toEqual({ vmid: 201, node: 'pve2' });
  expect(lab.guest(201)).toMatchObject({ node: 'pve2', running: true });
  expect(lab.log.of('fault.drop')).toHaveLength(1);
  expect(lab.log.of('task.start').filter(({ detail }) => detail['type'] === 'qmigrate')).toHaveLength(1);
});
