import { afterEach, expect, it } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { refusalOf } from '../helpers/rolls.ts';

let roll: RollLab;
afterEach(() => roll.close());

it('refuses the run, says how to end the maintenance, and leaves the flag to whoever set it', async () => {
  const site = smallSite({ nodes: 3 });
  const guests = site.guests.map((guest) => (guest.vmid === 201 ? { ...guest, ha: 'started' as const } : guest));
  roll = await rollLab({ site: { ...site, guests } });
  const { lab } = roll;
  await lab.node('pve3').machine.exec('ha-manager crm-command node-maintenance enable pve3');
  await expect.poll(() => lab.cluster.ha.nodeStatus.get('pve3')).toBe('maintenance');
  await roll.startWorker();

  const blockers = await refusalOf(roll);

  expect(blockers).toContainEqual(
    expect.objectContaining({
      code: 'foreign-maintenance',
      remedy: 'when nobody works on it: ha-manager crm-command node-maintenance disable pve3',
    }),
  );
  expect([...lab.cluster.ha.maintenanceRequests]).toEqual(['pve3']);
});
