import { afterEach, expect, it } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { places, startRoll } from '../helpers/rolls.ts';

let roll: RollLab;
afterEach(() => roll.close());

it('keeps the guest at home, says why, and leaves the cluster as it was', async () => {
  roll = await rollLab({ site: smallSite() });
  const before = places(roll);
  roll.lab.faults.add((point) =>
    point.at === 'task' && point.type === 'replication' && point.id === '201-0'
      ? { do: 'error', reason: "zfs error: cannot receive: out of space on 'rpool'" }
      : undefined,
  );
  await roll.startWorker();

  const handle = await startRoll(roll);

  await expect(handle.result()).rejects.toMatchObject({
    cause: { message: expect.stringContaining('out of space') as string },
  });
  expect(places(roll)).toEqual(before);
  expect(roll.lab.log.of('guest.migrated').filter(({ subject }) => subject === 'qemu/201')).toEqual([]);
  expect(roll.lab.log.of('upgrade.start', 'reboot.request')).toEqual([]);
});
