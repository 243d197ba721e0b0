import { afterEach, describe, expect, it, vi } from 'vitest';
import { smallSite } from '../../lab/site.ts';
import type { RollLab } from '../../scripts/lib/roll-lab.ts';
import { rollLab } from '../helpers/roll-lab.ts';
import { expectRolledOnce, nextEvent, places, startRoll } from '../helpers/rolls.ts';

const MINUTES = 60_000;

vi.setConfig({ testTimeout: 5 * MINUTES });

describe('a backup in the middle of a rolling update', () => {
  let roll: RollLab;
  afterEach(() => roll.close());

  it('holds its guest until it has ended, and is not broken off', async () => {
    roll = await rollLab({ site: smallSite() });
    const before = places(roll);
    await roll.startWorker();
    const firstMove = nextEvent(roll, (event) => event.detail['type'] === 'vzmigrate');
    const handle = await startRoll(roll);
    await firstMove;
    const { cluster } = roll.lab;
    cluster.backupTask(cluster.node('pve2'), cluster.guestsOn('pve2'), 'root@pam');

    const report = await handle.result();

    expect(report.outcome).toBe('done');
    expect(backupEnds(roll)).toEqual(['OK']);
    expectRolledOnce(roll, before);
  });

  it('does not begin when it comes due while a node is in hand, and its job is enabled again', async () => {
    const backupJobs = [
      { id: 'backup-soon', dueInMs: 28 * MINUTES, storage: 'pbs', vmids: [101, 201, 102, 202], enabled: true },
      { id: 'backup-off', dueInMs: 28 * MINUTES, storage: 'pbs', vmids: [101], enabled: false },
    ];
    // Slow enough that the job is not due before the run has begun.
    roll = await rollLab({ site: smallSite({ overrides: { backupJobs } }), scale: 20 });
    const before = places(roll);
    await roll.startWorker();

    const report = await (await startRoll(roll)).result();

    expect(report.outcome).toBe('done');
    const changes = roll.lab.log.of('backup.job').map(({ detail }) => detail);
    expect(changes.slice(0, 2)).toMatchObject([
      { id: 'backup-soon', enabled: false },
      { id: 'backup-soon', enabled: true },
    ]);
    expect(roll.lab.cluster.backupJobs.map(({ enabled }) => enabled)).toEqual([true, false]);
    expect(report.nodes[0]?.warnings.join()).toContain('the backup job backup-soon');
    expectRolledOnce(roll, before);
  });
});

function backupEnds(roll: RollLab): unknown[] {
  return roll.lab.log
    .of('task.end')
    .filter(({ detail }) => detail['type'] === 'vzdump')
    .map(({ detail }) => detail['exitStatus']);
}
