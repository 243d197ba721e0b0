import { afterEach, expect, it } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, nextEvent, places, startRoll } from '../helpers/rolls.ts';

let roll: RollLab;
afterEach(() => roll.close());

it('waits for the guest itself when it came under HA after the plan, and does not believe the task', async () => {
  const site = smallSite({ nodes: 3 });
  // An ignored HA resource is a guest like any other, until somebody makes it HA's business.
  const guests = site.guests.map((guest) => (guest.vmid === 201 ? { ...guest, ha: 'ignored' as const } : guest));
  roll = await rollLab({ site: { ...site, guests }, policy: { parallelMigrations: 1 } });
  const before = places(roll);
  await roll.startWorker();
  const firstMove = nextEvent(roll, (event) => event.detail['type'] === 'vzmigrate');
  const handle = await startRoll(roll);
  await firstMove;
  roll.lab.cluster.ha.setState('vm:201', 'started');

  const report = await handle.result();

  expect(report.outcome).toBe('done');
  const told = roll.lab.log.of('task.end').find((event) => event.detail['type'] === 'hamigrate');
  expect(told?.detail).toMatchObject({ id: '201', exitStatus: 'OK' });
  const moved = roll.lab.log.of('guest.migrated').find((event) => event.subject === 'qemu/201');
  expect(Date.parse(moved?.at ?? '')).toBeGreaterThan(Date.parse(told?.at ?? ''));
  expectRolledOnce(roll, before);
});
