import { afterEach, describe, expect, it } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, nextEvent, places, startRoll } from '../helpers/rolls.ts';

describe('a rolling update', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it('uses the maintenance mode and leaves HA guests to the HA manager where HA runs', async () => {
    roll = await rollLab({ site: smallSite({ nodes: 3, ha: true }) });
    const before = places(roll);
    await roll.startWorker();

    const report = await (await startRoll(roll)).result();

    expect(report.outcome).toBe('done');
    const moves = roll.lab.log.of('guest.migrated').map((event) => event.actor);
    expect(moves.filter((actor) => actor.includes('caretaker'))).toEqual([]);
    expectRolledOnce(roll, before);
  });

  it('refuses two nodes with active HA and no QDevice, because the survivor would be fenced', async () => {
    roll = await rollLab({ site: smallSite({ ha: true }) });
    await roll.startWorker();

    const handle = await startRoll(roll);

    await expect(handle.result()).rejects.toMatchObject({
      cause: {
        type: 'Refused',
        message: expect.stringContaining('the watchdog would reset the remaining nodes') as string,
      },
    });
    expect(roll.lab.log.of('guest.migrated', 'upgrade.start', 'ha.command', 'reboot.request')).toEqual([]);
  });

  it('leaves the cluster tidy when it is cancelled while guests move', async () => {
    roll = await rollLab({ site: smallSite() });
    const before = places(roll);
    await roll.startWorker();
    const migrating = nextEvent(roll, (event) => event.action === 'task.start' && event.detail['type'] === 'vzmigrate');
    const handle = await startRoll(roll);
    await migrating;

    await handle.cancel();

    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(places(roll)).toEqual(before);
    expect(roll.lab.log.of('upgrade.start', 'reboot.request')).toEqual([]);
  });

  it('fails at once on an input that it does not understand, naming the field', async () => {
    roll = await rollLab({ site: smallSite() });
    await roll.startWorker();

    const handle = await startRoll(roll, { parallelMigrations: 0 });

    await expect(handle.result()).rejects.toMatchObject({
      cause: { cause: { type: 'InvalidInput', message: expect.stringContaining('parallelMigrations') as string } },
    });
  });
});
